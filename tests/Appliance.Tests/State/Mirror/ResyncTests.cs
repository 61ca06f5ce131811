using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Members that missed something, were away, or begin with empty memory (ARCHITECTURE 4, join and resync).</summary>
public sealed class ResyncTests
{
    [Fact, Trait("Demand", "A4"), Trait("Demand", "A16")]
    public void A_restarted_secondary_fetches_everything_while_the_stream_goes_on()
    {
        using var group = new MirrorCluster("a", "b", "c");
        for (int i = 0; i < 2000; i++) group["a"].Set($"key:{i}", new string('v', 200));
        for (int i = 0; i < 500; i++) group["a"].SetField($"h{i % 7}", $"f{i}", "1");
        group.RunUntilQuiet();
        group.Kill("b");
        group.MessagesPerMillisecond = 1;
        group.Start("b");
        int round = 0;
        group.RunUntil(
            () =>
            {
                group["a"].Set($"key:{round * 37 % 2000}", $"live {round}");
                group["a"].Delete($"key:{round * 41 % 2000}");
                group["a"].SetField($"h{round % 7}", $"f{round % 500}", $"live {round}");
                if (round % 50 == 0) group["a"].Delete($"h{round / 50 % 7}");
                round++;
                return group["b"].Group.Synchronised;
            },
            "b is synchronised");
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void A_brief_absence_costs_only_what_changed()
    {
        using var group = new MirrorCluster("a", "b", "c");
        for (int i = 0; i < 1000; i++) group["a"].Set($"key:{i}", "v");
        group.RunUntilQuiet();
        long before = group["c"].Mirror.Counters.SnapshotRecords;
        group.Hold("a", "c");
        group["a"].Set("key:7", "new");
        group["a"].Delete("key:8");
        group["a"].SetField("h", "f", "1");
        group.Run(3);
        group.Lose("a", "c", GapReason.Ejected);
        Assert.False(group["c"].Group.Synchronised);
        group.Release("a", "c");
        group.RunUntilQuiet();
        group.AssertAlike();
        Assert.Equal(1, group["c"].Mirror.Counters.DeltaSnapshots);
        Assert.Equal(before + 4, group["c"].Mirror.Counters.SnapshotRecords);
    }

    [Fact]
    public void A_hole_that_nobody_reports_is_noticed_by_the_sequence()
    {
        using var group = new MirrorCluster("a", "b");
        group["a"].Set("k", "1");
        group.RunUntilQuiet();
        group["a"].Set("lost", "1");
        group["a"].Group.Flush();
        group["b"].Delivered[group["a"]] = group["a"].Group.Stream.Count;
        group["a"].Set("k", "2");
        group.RunUntil(() => group["b"].Mirror.Counters.Holes == 1, "the hole is seen");
        group.RunUntilQuiet();
        Assert.Equal("1", group["b"].Get("lost"));
        group.AssertAlike();
    }

    [Fact]
    public void A_loss_at_the_end_of_the_stream_is_made_good_without_further_writes()
    {
        using var group = new MirrorCluster("a", "b");
        group["a"].Set("k", "1");
        group.RunUntilQuiet();
        group["a"].Set("k", "2");
        group.Lose("a", "b", GapReason.Gone);
        group.RunUntilQuiet();
        Assert.Equal("2", group["b"].Get("k"));
    }

    [Fact]
    public void When_the_serving_member_dies_another_serves()
    {
        using var group = new MirrorCluster("a", "b", "c");
        for (int i = 0; i < 2000; i++) group["a"].Set($"key:{i}", new string('v', 500));
        group.RunUntilQuiet();
        group.Kill("c");
        group.MessagesPerMillisecond = 1;
        group.Start("c");
        group.RunUntil(() => StateMirror.DoingFor(group["c"].Service) == "fetching from b", "c fetches from the other secondary");
        group.Run(3);
        group.Kill("b");
        group.RunUntil(() => group["c"].Group.Synchronised, "c is synchronised by the primary");
        group.AssertAlike();
        Assert.Equal(1, group["c"].Mirror.Counters.BrokenSnapshots);
    }

    [Fact]
    public void Tombstones_stay_until_every_configured_member_has_passed_them()
    {
        using var group = new MirrorCluster("a", "b", "c");
        for (int i = 0; i < 50; i++) group["a"].Set($"k{i}", "v");
        group.RunUntilQuiet();
        group.Hold("a", "c");
        for (int i = 0; i < 50; i++) group["a"].Delete($"k{i}");
        group.Run(5000);
        Assert.Equal(50, group["a"].Store.Tables.TombstoneCount);
        Assert.Equal(50, group["b"].Store.Tables.TombstoneCount);
        group.Release("a", "c");
        group.RunUntil(() => group.Alive.All(static node => node.Store.Tables.TombstoneCount == 0), "all have passed them, and all forget them");
        Assert.Equal(0, group["a"].Store.Memory.ForcedFloors);
    }

    [Fact]
    public void A_member_away_longer_than_tombstones_are_kept_revives_nothing()
    {
        using var group = new MirrorCluster(static options => options with { TombstoneRetention = TimeSpan.FromSeconds(2) }, "a", "b", "c");
        for (int i = 0; i < 50; i++) group["a"].Set($"k{i}", "v");
        group["a"].SetField("h", "f", "1");
        group["a"].SetField("kept", "f", "1");
        group["a"].SetField("kept", "g", "1");
        group.RunUntilQuiet();
        group.Cut("a", "c");
        for (int i = 0; i < 25; i++) group["a"].Delete($"k{i}");
        group["a"].Delete("h");
        group["a"].Store.DeleteField("kept"u8, "g"u8);
        group["a"].Set("new", "v");
        group.Run(6000);
        Assert.Equal(0, group["a"].Store.Tables.TombstoneCount);
        group.Lose("a", "c", GapReason.Ejected);
        group.Heal("a", "c");
        group.RunUntilQuiet();
        Assert.Null(group["c"].Get("k3"));
        Assert.Null(group["c"].GetField("kept", "g"));
        Assert.Equal("v", group["c"].Get("k30"));
        Assert.Equal(2, group["c"].Mirror.Counters.FullSnapshots); // its start, and this one
        Assert.True(group["c"].Mirror.Counters.Replaced >= 27);
        group.AssertAlike();
    }

    [Fact]
    public void A_replacing_snapshot_keeps_what_the_stream_brought_meanwhile()
    {
        using var group = new MirrorCluster(static options => options with { TombstoneRetention = TimeSpan.FromSeconds(2) }, "a", "b", "c");
        for (int i = 0; i < 1000; i++) group["a"].Set($"k{i}", new string('v', 300));
        group.RunUntilQuiet();
        group.Cut("a", "c");
        for (int i = 0; i < 500; i++) group["a"].Delete($"k{i}");
        group.Run(6000);
        group.Lose("a", "c", GapReason.Ejected);
        group.MessagesPerMillisecond = 1;
        group.Heal("a", "c");
        int round = 0;
        group.RunUntil(
            () =>
            {
                group["a"].Set($"live{round}", "v");
                group["a"].SetField("livehash", $"f{round}", "v");
                round++;
                return group["c"].Group.Synchronised;
            },
            "c is synchronised");
        group.RunUntilQuiet();
        group.AssertAlike();
        Assert.True(round > 3, "the snapshot was over before anything was written");
    }

    [Fact]
    public void Memory_forces_the_floor_up()
    {
        using var group = new MirrorCluster(
            static options => options with { Limits = new StoreLimits { MemoryBytes = 2 << 20, MaxValueBytes = 16 << 10 } }, "a", "b", "c");
        group.Hold("a", "c");
        for (int round = 0; round < 200; round++)
        {
            for (int i = 0; i < 200; i++) group["a"].Set($"key {round} {i}", "value");
            for (int i = 0; i < 200; i++) group["a"].Delete($"key {round} {i}");
            group.Run(1);
        }
        Assert.True(group["a"].Store.Memory.ForcedFloors > 0);
        Assert.True(group["a"].Store.Tables.TombstoneCount < 39_000);
        group.Lose("a", "c", GapReason.Ejected);
        group.Release("a", "c");
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void A_member_without_enough_memory_leaves_the_synchronised_set_visibly()
    {
        using var group = new MirrorCluster(
            static options => options with { Limits = new StoreLimits { MemoryBytes = options.Node == "b" ? 1 << 20 : 64 << 20, MaxValueBytes = 16 << 10 } }, "a", "b", "c");
        for (int i = 0; i < 2000; i++)
        {
            group["a"].Set($"k{i}", new string('v', 10_000));
            if (i % 20 == 0) group.Run(1);
        }
        group.RunUntil(() => !group["b"].Group.Synchronised, "b gives up");
        Assert.True(group["b"].Said(MirrorEvent.NotSynchronised, "memory"));
        Assert.True(group["b"].Mirror.Counters.CouldNotStore > 0);
        group.Run(3000);
        Assert.False(group["b"].Group.Synchronised);
        Assert.True(group["c"].Group.Synchronised);
        for (int i = 0; i < 2000; i++) group["a"].Delete($"k{i}");
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void A_snapshot_that_does_not_fit_is_said_and_tried_again_more_and_more_rarely()
    {
        using var group = new MirrorCluster(
            static options => options with { Limits = new StoreLimits { MemoryBytes = options.Node == "b" ? 1 << 20 : 64 << 20, MaxValueBytes = 16 << 10 } }, "a", "b", "c");
        group.Kill("b");
        for (int i = 0; i < 2000; i++)
        {
            group["a"].Set($"k{i}", new string('v', 10_000));
            if (i % 20 == 0) group.Run(1);
        }
        group.RunUntilQuiet();
        FakeNode again = group.Start("b");
        int before = group.OpenedChannels;
        group.Run(60_000);
        Assert.False(again.Group.Synchronised);
        Assert.Single(again.Events, static one => one.Kind == MirrorEvent.NotSynchronised && one.Text.Contains("memory-limit", StringComparison.Ordinal));
        Assert.Contains("memory-limit", again.Mirror.ReadStatus()[0].Why, StringComparison.Ordinal);
        Assert.InRange(group.OpenedChannels - before, 4, 20);
        for (int i = 0; i < 2000; i++) group["a"].Delete($"k{i}");
        group.RunUntil(() => again.Group.Synchronised, "it fits now", 12_000);
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void Evictions_of_the_primary_are_mirrored()
    {
        using var group = new MirrorCluster(
            static options => options with
            {
                Limits = new StoreLimits { MemoryBytes = 2 << 20, MaxValueBytes = 16 << 10 },
                Classes = [new ClassOptions { Class = RecordClass.Credential, Keys = ["login:*"], Evict = Eviction.Oldest }],
            },
            "a", "b");
        for (int i = 0; i < 4000; i++)
        {
            group["a"].Set($"login:{i}", new string('v', 1000));
            if (i % 50 == 0) group.Run(1);
        }
        group.RunUntilQuiet();
        Assert.True(group["a"].Store.Memory.EvictionsOf(RecordClass.Credential) > 1000);
        Assert.Equal(0, group["b"].Store.Memory.EvictionsOf(RecordClass.Credential));
        group.AssertAlike();
    }

    [Fact]
    public void Fields_that_arrive_before_their_head_wait_for_it_unseen()
    {
        using var group = new MirrorCluster("a", "b");
        group["a"].SetField("h", "f", "1");
        group["a"].Store.SetExpiry("h"u8, group.WallMilliseconds + 100_000);
        group.RunUntilQuiet();
        RecordTables tables = group["b"].Store.Tables;
        byte[] encoded = Encode(group["a"], "h", "f");
        Assert.Equal(RecordParseResult.Ok, EncodedRecord.TryParse(encoded, out EncodedRecord record));
        tables.RemoveKey(tables.Keys.Find("h"u8, tables.Keys.Hash("h"u8)));
        tables.Purge(100);
        Assert.Equal(MergeOutcome.Applied, tables.Merge(record, tables.Fields.Hash(record.Key), LocalFlags.None));
        Assert.Null(group["b"].GetField("h", "f"));
        Assert.Equal(0, group["b"].Store.KeyCount);
        byte[] head = EncodeHead(group["a"], "h");
        Assert.Equal(RecordParseResult.Ok, EncodedRecord.TryParse(head, out EncodedRecord headRecord));
        Assert.Equal(MergeOutcome.Applied, tables.Merge(headRecord, tables.Keys.Hash("h"u8), LocalFlags.None));
        Assert.Equal("1", group["b"].GetField("h", "f"));
        Assert.Equal(1, group["b"].Store.KeyCount);
        group.AssertAlike();
    }

    [Fact]
    public void Restarts_of_every_node_in_turn_leave_neither_ghosts_nor_inventions()
    {
        using var group = new MirrorCluster("a", "b", "c");
        Dictionary<string, string> model = [];
        int counter = 0;
        foreach (string victim in new[] { "b", "a", "c", "a", "b", "a" })
        {
            for (int i = 0; i < 60; i++)
            {
                string key = $"k{counter * 7 % 80}";
                if (counter % 3 == 0)
                {
                    group["a"].Delete(key);
                    model.Remove(key);
                }
                else
                {
                    group["a"].Set(key, model[key] = $"{counter}");
                }
                counter++;
            }
            group.RunUntilQuiet();
            group.Kill(victim);
            group.Run(50);
            group.Start(victim);
            group.RunUntilQuiet();
            foreach (FakeNode node in group.Alive)
            {
                for (int i = 0; i < 80; i++) Assert.Equal(model.GetValueOrDefault($"k{i}"), node.Get($"k{i}"));
            }
        }
        group.AssertAlike();
    }

    private static byte[] Encode(FakeNode node, string key, string field)
    {
        RecordTables tables = node.Store.Tables;
        RecordView head = tables.Keys.View(tables.Keys.Find(StoreFixture.Bytes(key), tables.Keys.Hash(StoreFixture.Bytes(key))));
        byte[] name = new byte[100];
        name = name[..HashFieldKey.Write(name, RecordTables.GenerationOf(head), StoreFixture.Bytes(key), StoreFixture.Bytes(field))];
        RecordView view = tables.Fields.View(tables.Fields.Find(name, tables.Fields.Hash(name)));
        return Encode(view.Header, view.Key, view.Value);
    }

    private static byte[] EncodeHead(FakeNode node, string key)
    {
        RecordTables tables = node.Store.Tables;
        RecordView head = tables.Keys.View(tables.Keys.Find(StoreFixture.Bytes(key), tables.Keys.Hash(StoreFixture.Bytes(key))));
        return Encode(head.Header, head.Key, head.Value[..8]);
    }

    private static byte[] Encode(RecordHeader header, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        byte[] bytes = new byte[RecordCodec.Bytes(key.Length, value.Length, header.ExpiryMilliseconds != 0)];
        RecordCodec.Write(bytes, ServiceId.FromName("demo"), header.Kind, header.Class, header.Tombstone, new RecordVersion(header.Version), header.ExpiryMilliseconds, key, value);
        return bytes;
    }
}
