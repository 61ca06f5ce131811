using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>A primary writes, secondaries hold copies.</summary>
public sealed class MirroringTests
{
    [Fact, Trait("Demand", "A1"), Trait("Demand", "A12")]
    public void Secondaries_hold_what_the_primary_wrote()
    {
        using var cluster = new MirrorCluster("a", "b", "c");
        cluster["a"].Set("k", "v");
        cluster["a"].SetField("h", "f", "1");
        cluster["a"].SetField("h", "g", "2");
        cluster["a"].Set("gone", "x");
        cluster["a"].Delete("gone");
        cluster.RunUntilQuiet();
        foreach (string name in new[] { "b", "c" })
        {
            Assert.Equal("v", cluster[name].Get("k"));
            Assert.Equal("2", cluster[name].GetField("h", "g"));
            Assert.Null(cluster[name].Get("gone"));
        }
        cluster.AssertAlike();
    }

    [Fact]
    public void A_secondary_refuses_to_write()
    {
        using var cluster = new MirrorCluster("a", "b");
        Assert.Equal(WriteRefusal.NotPrimary, cluster["b"].Store.CheckWrite("k"u8, 1));
        Assert.Equal("a", cluster["b"].Store.PrimaryName);
    }

    [Fact]
    public void One_field_of_a_large_hash_costs_one_record()
    {
        using var cluster = new MirrorCluster("a", "b");
        for (int i = 0; i < 500; i++) cluster["a"].SetField("h", $"f{i}", "1");
        cluster.RunUntilQuiet();
        long before = cluster["a"].Service.Publisher.PublishedRecords;
        cluster["a"].SetField("h", "f77", "2");
        Assert.Equal(before + 1, cluster["a"].Service.Publisher.PublishedRecords);
        cluster.RunUntilQuiet();
        Assert.Equal("2", cluster["b"].GetField("h", "f77"));
        Assert.Equal(500, cluster["b"].Store.FieldCount("h"u8));
        cluster.AssertAlike();
    }

    [Fact]
    public void A_batch_is_one_unit_of_the_stream_and_of_the_position()
    {
        using var cluster = new MirrorCluster("a", "b");
        RecordVersion before = cluster["b"].Service.Position;
        cluster["a"].Store.BeginBatch();
        cluster["a"].Set("x", "1");
        cluster["a"].Set("y", "2");
        cluster["a"].SetField("h", "f", "3");
        Assert.Equal(before, cluster["b"].Service.Position);
        cluster["a"].Store.EndBatch();
        cluster["a"].Group.Flush();
        Assert.Single(cluster["a"].Group.Stream, static datagram => datagram.Length > 0 && Count(datagram) == 4);
        cluster.RunUntilQuiet();
        Assert.Equal(before.Value + 4, cluster["b"].Service.Position.Value);
        cluster.AssertAlike();
    }

    [Fact]
    public void Expiry_is_hidden_by_secondaries_and_buried_by_the_primary_alone()
    {
        using var cluster = new MirrorCluster("a", "b");
        cluster["a"].Set("k", "v", cluster.WallMilliseconds + 50);
        cluster.RunUntilQuiet();
        cluster.Hold("a", "b");
        cluster.Run(100);
        Assert.Null(cluster["b"].Get("k"));
        Assert.Equal(1, cluster["b"].Store.KeyCount); // hidden, and still there
        Assert.Equal(0, cluster["b"].Store.Memory.Expirations);
        Assert.Equal(1, cluster["a"].Store.Memory.Expirations);
        cluster.Release("a", "b");
        cluster.RunUntil(() => cluster["b"].Store.KeyCount == 0, "the tombstone arrives");
        cluster.AssertAlike();
    }

    [Fact]
    public void A_secondary_counts_by_the_clock_of_the_primary()
    {
        using var cluster = new MirrorCluster("a", "b");
        cluster["b"].MemberOf(cluster["a"])!.ClockOffsetMilliseconds = 5000;
        Assert.Equal(cluster.WallMilliseconds + 5000, cluster["b"].Store.NowMilliseconds);
    }

    [Fact]
    public void Unknown_kinds_are_kept_and_forwarded_untouched()
    {
        using var cluster = new MirrorCluster("a", "b", "c");
        cluster.Kill("c");
        cluster["a"].Store.Set("future"u8, "whatever it means"u8, 0, (RecordKind)200);
        cluster.RunUntil(() => cluster["b"].Get("future") is not null, "b has it");
        cluster.Start("c");
        cluster.RunUntilQuiet();
        Assert.True(cluster["c"].Store.TryRead("future"u8, out StoredValue value));
        Assert.Equal((RecordKind)200, value.Kind);
        Assert.Equal("whatever it means"u8, value.Bytes);
        cluster.AssertAlike();
    }

    [Fact]
    public void Messages_of_later_versions_are_ignored_and_counted()
    {
        using var cluster = new MirrorCluster("a", "b");
        Assert.True(cluster["a"].Group.TryPublish([0x90, 1, 2, 3], PublishOptions.None, out _));
        Assert.True(cluster["a"].Group.TryPublish([0x30, 1, 2, 3], PublishOptions.None, out _));
        cluster["a"].Set("k", "v");
        cluster.RunUntilQuiet();
        Assert.Equal(1, cluster["b"].Mirror.Counters.UnknownType);
        Assert.Equal(1, cluster["b"].Mirror.Counters.Malformed);
        Assert.Equal("v", cluster["b"].Get("k"));
    }

    [Fact]
    public void A_full_window_tells_writers_to_wait_and_calls_them_back()
    {
        using var cluster = new MirrorCluster("a", "b");
        var observer = new Observer();
        cluster["a"].Store.Subscribe(observer);
        cluster["a"].Group.PublishableBytes = 0;
        Assert.Equal(WriteRefusal.Busy, cluster["a"].Store.CheckWrite("k"u8, 10));
        cluster["a"].Group.PublishableBytes = 1 << 20;
        cluster["a"].Mirror.OnWindowOpen();
        Assert.Equal(1, observer.Writable);
        Assert.Equal(WriteRefusal.None, cluster["a"].Store.CheckWrite("k"u8, 10));
    }

    [Fact]
    public void A_write_larger_than_announced_waits_for_the_window_and_is_not_lost()
    {
        using var cluster = new MirrorCluster("a", "b");
        cluster["a"].Group.PublishableBytes = 0;
        cluster["a"].Store.Set("k"u8, "late"u8, 0);
        cluster["a"].Store.Set("l"u8, "later"u8, 0);
        cluster.Run(5);
        Assert.Null(cluster["b"].Get("k"));
        cluster["a"].Group.PublishableBytes = 1 << 20;
        cluster["a"].Mirror.OnWindowOpen();
        cluster.RunUntilQuiet();
        Assert.Equal("late", cluster["b"].Get("k"));
        Assert.Equal("later", cluster["b"].Get("l"));
    }

    private static int Count(byte[] datagram)
    {
        int count = 0;
        foreach (ReadOnlySpan<byte> message in new MessageRun(datagram)) count += message.IsEmpty ? 0 : 1;
        return count;
    }

    private sealed class Observer : IStoreObserver
    {
        internal int Writable { get; private set; }

        public void OnResolved()
        {
        }

        public void OnWritable() => Writable++;

        public void OnRoleChanged()
        {
        }
    }
}
