using Appliance.Configuration;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>What a listener sees of a store on a node alone.</summary>
public sealed class ServiceStoreTests
{
    private static byte[] Bytes(string text) => StoreFixture.Bytes(text);

    [Fact, Trait("Demand", "A10")]
    public void Keeps_what_was_set_until_it_is_deleted()
    {
        using var fixture = new StoreFixture();
        fixture.Set("a", "1");
        fixture.Set("b", "2");
        fixture.Set("a", "3");
        Assert.Equal("3", fixture.Get("a"));
        Assert.True(fixture.Store.Delete(Bytes("a")));
        Assert.False(fixture.Store.Delete(Bytes("a")));
        Assert.Null(fixture.Get("a"));
        Assert.Equal(["b"], fixture.Keys());
        Assert.Equal(1, fixture.Store.KeyCount);
    }

    [Fact]
    public void Every_write_has_a_newer_version()
    {
        using var fixture = new StoreFixture();
        fixture.Set("a", "1");
        Assert.True(fixture.Store.TryRead(Bytes("a"), out StoredValue first));
        ulong before = first.Version;
        fixture.Set("a", "1");
        Assert.True(fixture.Store.TryRead(Bytes("a"), out StoredValue second));
        Assert.Equal(before + 1, second.Version);
        Assert.Equal(second.Version, fixture.Store.LastTicket);
        Assert.Equal(fixture.Store.LastTicket, fixture.Store.ResolvedThrough);
        Assert.True(fixture.Store.Dependency.IsNone);
    }

    [Fact]
    public void Hash_fields_come_back_in_the_order_in_which_they_were_set()
    {
        using var fixture = new StoreFixture();
        Assert.True(fixture.SetField("h", "x", "1"));
        Assert.True(fixture.SetField("h", "y", "2"));
        Assert.False(fixture.SetField("h", "x", "3"));
        Assert.True(fixture.SetField("h", "z", "4"));
        Assert.Equal("x=3 y=2 z=4", fixture.Fields("h"));
        Assert.Equal(3, fixture.Store.FieldCount(Bytes("h")));
        Assert.True(fixture.Store.DeleteField(Bytes("h"), Bytes("y")));
        Assert.False(fixture.Store.DeleteField(Bytes("h"), Bytes("y")));
        Assert.Equal("x=3 z=4", fixture.Fields("h"));
        Assert.True(fixture.SetField("h", "y", "5"));
        Assert.Equal(3, fixture.Store.FieldCount(Bytes("h")));
        Assert.Equal("5", fixture.GetField("h", "y"));
    }

    [Fact]
    public void A_hash_without_fields_is_gone()
    {
        using var fixture = new StoreFixture();
        fixture.SetField("h", "x", "1");
        Assert.True(fixture.Store.DeleteField(Bytes("h"), Bytes("x")));
        Assert.False(fixture.Store.TryRead(Bytes("h"), out _));
        Assert.Empty(fixture.Keys());
    }

    [Fact]
    public void A_new_generation_knows_nothing_of_the_old_fields()
    {
        using var fixture = new StoreFixture();
        for (int i = 0; i < 3000; i++) fixture.SetField("h", $"f{i}", "old");
        fixture.Store.Delete(Bytes("h"));
        fixture.SetField("h", "f1", "new");
        Assert.Equal("f1=new", fixture.Fields("h"));
        Assert.Null(fixture.GetField("h", "f2"));
        for (int i = 0; i < 20; i++) fixture.Tick();
        Assert.Equal(1, fixture.Store.Tables.Fields.Count);
        Assert.Equal("f1=new", fixture.Fields("h"));
    }

    [Fact]
    public void A_string_replaces_a_hash_and_a_hash_an_absence()
    {
        using var fixture = new StoreFixture();
        fixture.SetField("k", "f", "1");
        fixture.Set("k", "plain");
        Assert.Equal("plain", fixture.Get("k"));
        Assert.Equal(0, fixture.Store.FieldCount(Bytes("k")));
        fixture.Store.Delete(Bytes("k"));
        fixture.SetField("k", "f", "2");
        Assert.Equal("f=2", fixture.Fields("k"));
    }

    [Fact]
    public void A_hash_changes_its_version_with_any_field()
    {
        using var fixture = new StoreFixture();
        fixture.SetField("h", "x", "1");
        Assert.True(fixture.Store.TryRead(Bytes("h"), out StoredValue before));
        ulong version = before.Version;
        fixture.SetField("h", "x", "2");
        Assert.True(fixture.Store.TryRead(Bytes("h"), out StoredValue after));
        Assert.True(after.Version > version);
    }

    [Fact]
    public void Expired_keys_are_hidden_at_once_and_buried_by_the_walk()
    {
        using var fixture = new StoreFixture();
        fixture.Set("a", "1", fixture.Now + 10);
        fixture.Set("b", "1");
        fixture.SetField("h", "f", "1");
        Assert.True(fixture.Store.SetExpiry(Bytes("h"), fixture.Now + 10));
        fixture.Now += 9;
        Assert.Equal("1", fixture.Get("a"));
        fixture.Now += 1;
        Assert.Null(fixture.Get("a"));
        Assert.Equal(0, fixture.Store.FieldCount(Bytes("h")));
        Assert.Equal(["b"], fixture.Keys());
        for (int i = 0; i < 10; i++) fixture.Tick();
        Assert.Equal(1, fixture.Store.KeyCount);
        Assert.Equal(2, fixture.Store.Memory.Expirations);
        Assert.Equal(0, fixture.Store.Tables.TombstoneCount);
        Assert.Equal(1, fixture.Store.Tables.Keys.Count);
    }

    [Fact]
    public void A_field_set_in_an_expired_hash_begins_anew()
    {
        using var fixture = new StoreFixture();
        fixture.SetField("h", "old", "1");
        fixture.Store.SetExpiry(Bytes("h"), fixture.Now + 1);
        fixture.Now += 1;
        fixture.SetField("h", "new", "2");
        Assert.Equal("new=2", fixture.Fields("h"));
        Assert.True(fixture.Store.TryRead(Bytes("h"), out StoredValue value));
        Assert.Equal(0, value.ExpiryMilliseconds);
    }

    [Fact]
    public void Classes_are_chosen_by_pattern()
    {
        using var fixture = new StoreFixture(null, ClassOptions.DefaultsOf(RecordClass.Purchase), ClassOptions.DefaultsOf(RecordClass.Credential));
        Assert.Equal(RecordClass.Purchase, fixture.Store.ClassOf("cart:7"u8));
        Assert.Equal(RecordClass.Credential, fixture.Store.ClassOf("login:7"u8));
        Assert.Equal(RecordClass.Application, fixture.Store.ClassOf("other"u8));
    }

    [Theory]
    [InlineData("a*c", "abbc", true)]
    [InlineData("a*c", "abbd", false)]
    [InlineData("a?c*", "abc", true)]
    [InlineData("*x*y*", "axbyc", true)]
    [InlineData("*x*y*", "aybxc", false)]
    [InlineData("exact", "exact", true)]
    [InlineData("exact", "exactly", false)]
    [InlineData("*", "", true)]
    public void Patterns_match(string pattern, string key, bool expected) => Assert.Equal(expected, new KeyPattern(pattern).Matches(Bytes(key)));

    [Fact]
    public void Full_memory_evicts_the_oldest_of_a_class_that_may_be_evicted()
    {
        using var fixture = new StoreFixture(
            new StoreLimits { MemoryBytes = 2 << 20 },
            new ClassOptions { Class = RecordClass.Credential, Keys = ["login:*"], Evict = Eviction.Oldest });
        string value = new('v', 1000);
        for (int i = 0; i < 8_000; i++) fixture.Set($"login:{i}", value);
        Assert.Null(fixture.Get("login:0"));
        Assert.Equal(value, fixture.Get("login:7999"));
        Assert.True(fixture.Store.Memory.EvictionsOf(RecordClass.Credential) > 4_000);
        Assert.True(fixture.Store.Tables.UsedBytes <= 4 << 20, $"{fixture.Store.Tables.UsedBytes} bytes in use");
        long old = Enumerable.Range(0, 4_000).Count(i => fixture.Get($"login:{i}") is not null);
        Assert.True(old < 200, $"{old} of the older half are still there");
    }

    [Fact, Trait("Demand", "A9")]
    public void Full_memory_refuses_purchases_and_keeps_all_of_them()
    {
        using var fixture = new StoreFixture(new StoreLimits { MemoryBytes = 2 << 20 }, ClassOptions.DefaultsOf(RecordClass.Purchase) with { Acks = default });
        byte[] value = new byte[1000];
        int written = 0;
        while (fixture.Store.CheckWrite(Bytes($"cart:{written}"), value.Length) == WriteRefusal.None) fixture.Store.Set(Bytes($"cart:{written++}"), value, 0);
        Assert.Equal(WriteRefusal.OutOfMemory, fixture.Store.CheckWrite(Bytes("cart:more"), value.Length));
        Assert.InRange(written, 700, 8000);
        Assert.Equal(written, fixture.Store.KeyCount);
        Assert.Equal(0, fixture.Store.Memory.EvictionsOf(RecordClass.Purchase));
        Assert.Equal(2, fixture.Store.Memory.RefusalsOf(RecordClass.Purchase));
    }

    [Fact]
    public void Full_memory_takes_back_expired_records_first()
    {
        using var fixture = new StoreFixture(new StoreLimits { MemoryBytes = 2 << 20 }, ClassOptions.DefaultsOf(RecordClass.Purchase) with { Acks = default });
        byte[] value = new byte[1000];
        int written = 0;
        while (fixture.Store.CheckWrite(Bytes($"cart:{written}"), value.Length) == WriteRefusal.None) fixture.Store.Set(Bytes($"cart:{written++}"), value, fixture.Now + 5);
        fixture.Now += 5;
        Assert.Equal(WriteRefusal.None, fixture.Store.CheckWrite(Bytes("cart:new"), value.Length));
    }
}
