using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

/// <summary>What an enemy on the network can send: counted by its reason, refused, without effect, never answered. P-09.</summary>
public sealed class Hostile
{
    [Fact]
    public void Datagrams_that_are_not_ours_are_dropped_by_reason()          // P-01, P-04, P-06, P-07, P-13, P-16
    {
        using var group = TestGroup.Of(2);
        var a = group["a"].Engine;
        using var right = new StreamCipher(TestGroup.Key, 1, a.Self, 1, a.Identity.Salt);
        using var wrong = new StreamCipher(new byte[32], 1, a.Self, 1, a.Identity.Salt);
        using var unknown = new StreamCipher(TestGroup.Key, 9, a.Self, 1, a.Identity.Salt);
        byte[] frames = Wire.WireBytes.Frames("evil");
        byte[] Data(StreamCipher? cipher, ulong sequence = 1, byte version = 1, uint? foreign = null, ulong incarnation = 1, DatagramType type = DatagramType.Data) =>
            Wire.WireBytes.Datagram(type, frames, cipher, sequence, DatagramFlags.RunStarts | DatagramFlags.RunEnds, a.Self, incarnation, version: version, group: foreign);

        Drops(group, [1, 2, 3], DropReason.Truncated);
        Drops(group, Data(right)[..^40], DropReason.Truncated);
        Drops(group, Data(right, foreign: 7), DropReason.ForeignGroup);
        Drops(group, Data(right, version: 77), DropReason.WireVersion);
        Drops(group, Data(null), DropReason.SecurityMismatch);
        Drops(group, Data(wrong), DropReason.NotAuthentic);
        Drops(group, Data(unknown), DropReason.UnknownKey);
        Drops(group, Data(right, incarnation: 5), DropReason.UnknownStream);
        Drops(group, Data(right, type: (DatagramType)33), DropReason.UnknownCriticalType);
        Drops(group, Data(right, sequence: 0), DropReason.Malformed);
        Drops(group, Data(right, type: DatagramType.Report), DropReason.Truncated);
        Drops(group, new byte[40], DropReason.ForeignGroup);
        byte[] nested = new byte[2000];
        int length = DatagramPrefix.WriteRepair(nested, 1, Wire.WireBytes.Group, nested.AsSpan(0, DatagramPrefix.WriteRepair(nested.AsSpan(100), 1, Wire.WireBytes.Group, Data(right))));
        Drops(group, nested[..length], DropReason.Malformed);
        Drops(group, [.. nested[..8], .. Data(right, type: DatagramType.Report)], DropReason.Malformed);
        Assert.Empty(group["b"].Runs);
    }

    [Fact]
    public void Every_truncation_and_every_flipped_bit_of_a_datagram_is_refused()   // P-06, P-13
    {
        using var group = TestGroup.Of(2);
        byte[]? data = null;
        group.Loses = p =>
        {
            if (p.Type == DatagramType.Data) data = p.Bytes;
            return p.Type == DatagramType.Data;
        };
        group["a"].PublishNow("precious");
        for (int length = 0; length < data!.Length; length++) group.Inject(group["b"], data[..length]);
        for (int bit = 0; bit < data.Length * 8; bit++)
        {
            byte[] flipped = [.. data];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            group.Inject(group["b"], flipped);
        }
        Assert.Empty(group["b"].Runs);
        Assert.True(group["b"].Counters.DroppedTotal >= data.Length * 9 - 100);
        group.Inject(group["b"], data);
        Assert.Equal(["precious"], group["b"].Messages("a"));
    }

    [Fact]
    public void Everything_replayed_has_no_effect()                         // P-14
    {
        using var group = TestGroup.Of(3);
        var recorded = new List<Packet>();
        group.Sees = recorded.Add;
        for (int i = 0; i < 50; i++)
        {
            group["a"].PublishNow($"m{i}");
            group.Run(milliseconds: 5);
        }
        group.Run(milliseconds: 50);
        group.Sees = static _ => { };
        long delivered = group["b"].Delivered, applied = (long)group["a"].Member("b").ReceivedThrough;
        int changes = group.Nodes.Sum(static n => n.Changes.Count);
        long answers = 0;
        group.Sees = _ => answers++;
        foreach (var packet in recorded) group.Inject(packet.To, packet.Bytes, packet.Path, TestNode.Address(77));
        Assert.Equal(0, answers);                                            // never answered
        Assert.Equal(delivered, group["b"].Delivered);
        Assert.Equal(applied, (long)group["a"].Member("b").ReceivedThrough);
        Assert.Equal(changes, group.Nodes.Sum(static n => n.Changes.Count));
        Assert.True(group.Nodes.Sum(static n => n.Counters.Dropped(DropReason.Replayed)) > 50);
        group["a"].PublishNow("goes to the right address");
        group.Run(milliseconds: 20);
        Assert.Equal(51, group["b"].Delivered);
    }

    [Fact]
    public void Unknown_ignorable_types_are_skipped_and_counted()            // P-04
    {
        using var group = TestGroup.Of(2);
        byte[] strange = Wire.WireBytes.Datagram((DatagramType)99, [1, 2, 3], null, 1, DatagramFlags.Ignorable, version: 9);
        long dropped = group["b"].Counters.DroppedTotal;
        group.Inject(group["b"], strange);
        Assert.Equal(1, group["b"].Counters.UnknownIgnored);
        Assert.Equal(dropped, group["b"].Counters.DroppedTotal);
    }

    [Fact]
    public void Unknown_flags_are_ignored()                                 // P-03
    {
        using var group = TestGroup.Of(2);
        using var cipher = new StreamCipher(TestGroup.Key, 1, group["a"].Engine.Self, 1, group["a"].Engine.Identity.Salt);
        group.Inject(group["b"], Wire.WireBytes.Datagram(DatagramType.Data, Wire.WireBytes.Frames("x"), cipher, 1,
            DatagramFlags.RunStarts | DatagramFlags.RunEnds | (DatagramFlags)0xFF00));
        Assert.Equal(["x"], group["b"].Messages("a"));
    }

    [Fact]
    public void A_foreign_group_on_the_same_address_is_not_heard()           // P-07
    {
        using var group = TestGroup.Of(2);
        group.Start("c", configure: static o => o with { GroupName = "other" });
        group.Run(milliseconds: 1000);
        Assert.Single(group["a"].Engine.Members);
        Assert.True(group["a"].Counters.Dropped(DropReason.ForeignGroup) > 10);
        Assert.Null(group["c"].Engine.LastRefusal);
    }

    [Fact]
    public void A_node_with_the_wrong_key_is_not_heard()                     // P-13
    {
        using var group = TestGroup.Of(2);
        group.Start("c", configure: static o => o with { Keys = [new GroupKey(1, new byte[32])] });
        group.Run(milliseconds: 1000);
        Assert.Single(group["a"].Engine.Members);
        Assert.Empty(group["c"].Engine.Members);
        Assert.True(group["a"].Counters.Dropped(DropReason.NotAuthentic) > 10);
        Assert.Equal(0, group["a"].Counters.RefusalsSent);
    }

    [Fact]
    public void An_unsealed_group_works_and_does_not_mix_with_a_sealed_one()  // P-16
    {
        using var group = TestGroup.Of(2, static o => o with { Security = GroupSecurity.None, Keys = [] });
        group["a"].PublishNow("in the clear");
        group["a"].Publish(new byte[5000], PublishOptions.None, out _);
        group["a"].Flush();
        group.Start("c", configure: static o => o with { Security = GroupSecurity.Sealed, Keys = [new GroupKey(1, TestGroup.Key)] });
        group.Run(milliseconds: 500);
        Assert.Equal(2, group["b"].Runs.Count);
        Assert.Empty(group["c"].Engine.Members);
        Assert.True(group["a"].Counters.Dropped(DropReason.SecurityMismatch) > 0);
    }

    [Fact]
    public void A_member_whose_reports_ask_for_billions_costs_little()       // P-06, P-61: ranges are clipped to what is held
    {
        using var group = TestGroup.Of(2);
        group["a"].PublishNow("x");
        group.Run(milliseconds: 20);
        var b = group["b"].Engine;
        using var cipher = new StreamCipher(TestGroup.Key, 1, b.Self, 1, b.Identity.Salt);
        byte[] body = new byte[ReportView.MaxBytes];
        int length = ReportView.Write(body, new ReportFields(group["a"].Engine.Self, 1, 0, 0, long.MaxValue, 1, uint.MaxValue, ReportFlags.Orphan), [new SequenceRange(1, uint.MaxValue)]);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        for (ulong i = 0; i < 50; i++)
            group.Inject(group["a"], Wire.WireBytes.Datagram(DatagramType.Report, body[..length], cipher, 100_000 + i, node: b.Self), ReceivePath.Unicast, group["b"].EndPoint);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), $"{clock.Elapsed}");
        Assert.InRange(group["a"].Counters.RepairsSent, 0, 2);
    }

    private static void Drops(TestGroup group, byte[] datagram, DropReason reason)
    {
        long before = group["b"].Counters.Dropped(reason), answers = 0;
        group.Sees = _ => answers++;
        group.Inject(group["b"], datagram);
        Assert.True(group["b"].Counters.Dropped(reason) == before + 1, $"expected {reason}; counted: {string.Join(' ', group["b"].Counters.All().Where(static c => c.Name.StartsWith("Dropped", StringComparison.Ordinal) && c.Value > 0))}");
        Assert.Equal(0, answers);
        group.Sees = static _ => { };
    }
}
