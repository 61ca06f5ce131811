using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Random writes while random links stall, parts of streams are lost, and nodes restart: afterwards all are alike, and every acknowledged write is there.</summary>
public sealed class MirrorStormTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void All_become_alike_and_keep_what_was_acknowledged(int seed)
    {
        var random = new Random(seed);
        using var group = new MirrorCluster(
            static options => options with
            {
                Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, WhenShort.Refuse, "cart:*")],
                TombstoneRetention = TimeSpan.FromSeconds(1),
                Limits = new StoreLimits { MemoryBytes = 16 << 20, MaxValueBytes = 4 << 10 },
            },
            "a", "b", "c", "d");
        var model = new AcknowledgedModel();
        for (int round = 0; round < 30; round++)
        {
            Disturb(group, random);
            for (int i = 0; i < 40; i++)
            {
                Write(group, random, model);
                if (random.Next(4) == 0) group.Run(1);
                model.Resolve(group["a"].Store.ResolvedThrough);
            }
            group.Run(random.Next(30));
            model.Resolve(group["a"].Store.ResolvedThrough);
            if (random.Next(3) == 0) Restart(group, random, model);
        }
        Calm(group);
        group.RunUntilQuiet();
        group.AssertAlike();
        model.AssertKept(group["b"]);
        foreach (FakeNode node in group.Alive) Assert.Equal(0, node.Mirror.Counters.Malformed);
    }

    private static void Disturb(MirrorCluster group, Random random)
    {
        foreach (string name in new[] { "b", "c", "d" })
        {
            switch (random.Next(6))
            {
                case 0: group.Hold("a", name); break;
                case 1: group.Release("a", name); break;
                case 2 when group[name].IsAlive && group["a"].Service.Role == ServiceRole.Primary: TryLose(group, random, name); break;
                default: break;
            }
        }
        group.MessagesPerMillisecond = random.Next(1, 5);
    }

    private static void TryLose(MirrorCluster group, Random random, string name)
    {
        group["a"].Group.Flush();
        if (group["a"].Group.Stream.Count <= group[name].Delivered[group["a"]]) return;
        group.Lose("a", name, random.Next(2) == 0 ? GapReason.Gone : GapReason.Ejected);
    }

    // One node at a time, and the next only when the group is whole again: a write acknowledged by one member survives one failure.
    private static void Restart(MirrorCluster group, Random random, AcknowledgedModel model)
    {
        Calm(group);
        string victim = "abcd"[random.Next(4)].ToString();
        if (victim != "a") group.RunUntilQuiet();
        model.Resolve(group["a"].Store.ResolvedThrough);
        group.Kill(victim);
        group.Run(random.Next(50));
        group.Start(victim);
        group.RunUntilQuiet();
        group.AssertAlike();
        model.AssertKept(group["c"]);
        if (victim == "a") model.Settle(group["c"]);
    }

    private static void Calm(MirrorCluster group)
    {
        foreach (string name in new[] { "b", "c", "d" }) group.Release("a", name);
        group.MessagesPerMillisecond = 4;
    }

    private static void Write(MirrorCluster group, Random random, AcknowledgedModel model)
    {
        FakeNode primary = group["a"];
        string key = $"cart:{random.Next(40)}";
        if (primary.Store.CheckWrite(StoreFixture.Bytes(key), 100) != WriteRefusal.None) return;
        bool isBatch = random.Next(8) == 0;
        if (isBatch) primary.Store.BeginBatch();
        for (int i = isBatch ? random.Next(1, 6) : 1; i > 0; i--)
        {
            string hash = $"cart:h{random.Next(10)}";
            switch (random.Next(10))
            {
                case < 4:
                    string value = $"{random.Next()}";
                    primary.Set(key, value, random.Next(10) == 0 ? group.WallMilliseconds + 1_000_000 : 0);
                    model.Wrote(key, value, primary.Store.LastTicket);
                    break;
                case < 6:
                    if (primary.Delete(key)) model.Wrote(key, null, primary.Store.LastTicket);
                    break;
                case < 8:
                    primary.SetField(hash, $"f{random.Next(20)}", $"{random.Next()}");
                    break;
                case 8:
                    primary.Store.DeleteField(StoreFixture.Bytes(hash), StoreFixture.Bytes($"f{random.Next(20)}"));
                    break;
                default:
                    primary.Delete(hash);
                    break;
            }
        }
        if (isBatch) primary.Store.EndBatch();
    }

    /// <summary>For each key the newest acknowledged value and what was written after it.</summary>
    private sealed class AcknowledgedModel
    {
        private readonly Dictionary<string, List<(string? Value, ulong Ticket)>> _written = [];
        private ulong _resolved;

        internal void Wrote(string key, string? value, ulong ticket)
        {
            if (!_written.TryGetValue(key, out var list)) _written[key] = list = [];
            list.Add((value, ticket));
        }

        internal void Resolve(ulong resolved) => _resolved = Math.Max(_resolved, resolved);

        /// <summary>The cut has decided about everything that was written before it.</summary>
        internal void Settle(FakeNode node)
        {
            foreach ((string key, List<(string? Value, ulong Ticket)> writes) in _written)
            {
                writes.Clear();
                writes.Add((node.Get(key), 0));
            }
        }

        internal void AssertKept(FakeNode node)
        {
            foreach ((string key, List<(string? Value, ulong Ticket)> writes) in _written)
            {
                int acknowledged = writes.FindLastIndex(write => write.Ticket <= _resolved);
                string? held = node.Get(key);
                IEnumerable<string?> allowed = writes.Skip(Math.Max(0, acknowledged)).Select(static write => write.Value);
                if (acknowledged < 0) allowed = allowed.Append(null);
                Assert.True(allowed.Contains(held), $"{key} is '{held}' on {node}; acknowledged was '{(acknowledged < 0 ? null : writes[acknowledged].Value)}' through {new RecordVersion(_resolved)}");
            }
        }
    }
}
