using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 2: nodes that come back with empty memory converge; nothing stale stays, nothing is invented.</summary>
[Trait("Demand", "A16")]
public sealed class Restarts
{
    [RootFact]
    public void A_killed_secondary_converges_and_keeps_nothing_stale() => KillAndReturn(primary: false);

    [RootFact]
    public void A_killed_primary_recovers_from_the_survivors_and_invents_nothing() => KillAndReturn(primary: true);

    [RootFact]
    public void A_member_away_longer_than_tombstones_are_kept_revives_no_deleted_record()
    {
        // Cut off, the member keeps in memory what is deleted meanwhile.
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Calm, "--set", "group.tombstone-retention=5s"]);
        using RespClient writer = lab.Connect(lab.Primary);
        const int keys = 2000;
        for (int i = 0; i < keys; i++) writer.Queue("SET", $"s:{i}", "old");
        Drain(writer, keys);
        lab.AwaitConverged(TimeSpan.FromSeconds(20));
        LabNode away = lab.Secondaries[^1];

        lab.Lab("pull", away.Id, "sync");
        for (int i = 0; i < keys; i += 2) writer.Queue("DEL", $"s:{i}");
        Drain(writer, keys / 2);
        Until.True("the tombstones are collected", TimeSpan.FromSeconds(20), () => lab.Primary.Metric("appliance_service_tombstones") == 0);
        lab.Lab("plug", away.Id, "sync");
        lab.AwaitConverged(TimeSpan.FromSeconds(20));

        foreach (LabNode node in lab.Nodes)
        {
            using RespClient reader = lab.Connect(node);
            Assert.Equal((keys / 2).ToString(), reader.Call("DBSIZE").Text);
            Assert.Equal(0, CountPresent(reader, Enumerable.Range(0, keys / 2).Select(i => $"s:{2 * i}")));
        }
    }

    private static void KillAndReturn(bool primary)
    {
        int seed = Environment.TickCount;
        var model = new KeyModel(seed, keys: 3000);
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        Write(lab, model, 15_000, seed);
        lab.AwaitConverged(TimeSpan.FromSeconds(20));
        LabNode victim = primary ? lab.Primary : lab.Secondaries[0];

        lab.Lab("kill", victim.Id);
        Write(lab, model, 15_000, seed);
        lab.Lab("start", victim.Id);
        lab.AwaitConverged(TimeSpan.FromSeconds(30));
        Write(lab, model, 5_000, seed);
        lab.AwaitConverged(TimeSpan.FromSeconds(20));

        foreach (LabNode node in lab.Nodes)
        {
            using RespClient reader = lab.Connect(node);
            Until.True($"seed {seed}: {node.Id} holds {model.Count} live keys", TimeSpan.FromSeconds(30), () => reader.Call("DBSIZE").Text == model.Count.ToString());
            List<string> differences = model.Differences(reader);
            Assert.True(differences.Count == 0, $"seed {seed}: {node.Id}: {string.Join("; ", differences)}");
        }
    }

    private static void Write(Laboratory lab, KeyModel model, int commands, int seed)
    {
        using RespClient writer = lab.Connect(lab.Primary);
        for (int sent = 0; sent < commands;)
        {
            int replies = 0;
            long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
            for (int i = 0; i < 200 && sent < commands; i++, sent++) replies += model.QueueOne(writer, now);
            writer.Flush();
            for (int i = 0; i < replies; i++)
            {
                RespReply reply = writer.Read();
                Assert.False(reply.IsError, $"seed {seed}: {reply}");
            }
        }
    }

    private static void Drain(RespClient client, int replies)
    {
        client.Flush();
        for (int i = 0; i < replies; i++) Assert.False(client.Read().IsError);
    }

    private static int CountPresent(RespClient client, IEnumerable<string> keys)
    {
        int present = 0;
        foreach (string key in keys) if (client.Call("EXISTS", key).Text == "1") present++;
        return present;
    }
}
