using System.Text.Json;
using Appliance.Cluster.Failover;
using Appliance.Multicast;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Must hold of failover: who may take over what, for whom the others wait, and what is reported as lost. <see cref="Failover"/> measures how long it takes.</summary>
[Trait("Demand", "A2"), Trait("Demand", "E6")]
public sealed class Survivors
{
    private const int Stop = 19;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [RootTheory]
    [InlineData("refuse")]
    [InlineData("accept")]
    public void With_two_nodes_and_a_witness_the_survivor_serves_what_there_is_and_treats_new_purchases_as_when_short_says(string whenShort)
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Calm, "--witness", "1", "--set", $"class purchase.when-short={whenShort}"]);
        using var processes = new NodeProcesses();
        LabNode killed = lab.Primary, survivor = lab.Secondaries.Single(static node => RoleOf(node) == "secondary");
        using (RespClient before = lab.ConnectToService()) Assert.Equal("OK", before.Call("SET", "cart:1", "apples").Text);

        processes.Kill(killed);
        Assert.Equal(survivor.Id, lab.AwaitPrimary(Laboratory.Service, after: killed).Id);
        using (RespClient after = lab.ConnectToService())
        {
            Assert.Equal("apples", after.Call("GET", "cart:1").Text);
            RespReply reply = after.Call("SET", "cart:2", "pears");
            Assert.Equal(whenShort == "refuse" ? "NOREPLICAS" : "OK", reply.Text.Split(' ')[0]);
        }
        Assert.Equal(whenShort == "refuse" ? 0 : 1, ServiceOf(survivor).GetProperty("acceptedShort").GetInt64());

        // Only the one that died remains beside the witness, with empty memory: two of three votes, and no state.
        lab.Lab("pull", survivor.Id);
        processes.Start(killed);
        Until.True($"{killed.Id} says why nobody is primary", Limit, () => ServiceOf(killed).GetProperty("election").GetString()!.Contains("on-loss", StringComparison.Ordinal));
        Assert.False(killed.Serves(Laboratory.Service));

        lab.Lab("plug", survivor.Id);
        Assert.Equal(survivor.Id, lab.AwaitPrimary(Laboratory.Service, after: killed).Id);
        Until.True($"{killed.Id} is a secondary with the whole state", Limit, () => RoleOf(killed) == "secondary" && ServiceOf(killed).GetProperty("complete").GetBoolean());
        using RespClient reader = lab.Connect(killed);
        Until.True("every purchase that was answered is on both", Limit, () => reader.Call("GET", "cart:1").Text == "apples" && (whenShort == "refuse" || reader.Call("GET", "cart:2").Text == "pears"));
    }

    [RootFact]
    public void A_node_outside_the_committed_set_is_never_elected_over_writes_that_the_lone_survivor_accepted()
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Calm, "--witness", "1", "--set", "class purchase.when-short=accept"]);
        LabNode stale = lab.Primary, survivor = lab.Secondaries.Single(static node => RoleOf(node) == "secondary");
        lab.Lab("pull", stale.Id); // it keeps its memory, which is complete as of now
        Assert.Equal(survivor.Id, lab.AwaitPrimary(Laboratory.Service, after: stale).Id);
        using (RespClient writer = lab.ConnectToService()) Assert.Equal("OK", writer.Call("SET", "cart:1", "apples").Text);

        lab.Lab("pull", survivor.Id);
        lab.Lab("plug", stale.Id); // two of three votes are together again
        Until.True($"{stale.Id} has waited for ten times dead-after", Limit, () => lab.LogOf(stale).Contains($"service {Laboratory.Service} has no primary", StringComparison.Ordinal));
        Assert.False(stale.Serves(Laboratory.Service));

        lab.Lab("plug", survivor.Id);
        LabNode next = lab.AwaitPrimary(Laboratory.Service);
        using RespClient reader = lab.Connect(next);
        Assert.Equal("apples", reader.Call("GET", "cart:1").Text);
    }

    [RootFact]
    public void A_primary_that_loses_both_cables_returns_as_a_secondary_by_itself_and_all_hold_what_was_acknowledged()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Calm);
        for (int round = 0; round < TestCounts.Of("system.failover.pulls"); round++)
        {
            using var writers = new ServiceWriters(lab, $"cart:{round}");
            writers.AwaitMore(200);
            LabNode pulled = lab.Primary;
            lab.Lab("pull", pulled.Id);
            LabNode next = lab.AwaitPrimary(Laboratory.Service, after: pulled);
            Assert.NotEqual("hand-over", next.Status().GetProperty("failovers").EnumerateArray().Last().GetProperty("kind").GetString()); // both cables in one go
            writers.AwaitMore(200);
            Assert.False(pulled.Status().GetProperty("synchronised").GetBoolean());
            writers.Stop();

            lab.Lab("plug", pulled.Id);
            Until.True($"{pulled.Id} says that it is synchronised", Limit, () => pulled.Status().GetProperty("synchronised").GetBoolean());
            writers.AssertHeldBy(pulled, $"round {round}, as soon as it says so");
            lab.AwaitConverged(Limit);
            Assert.Equal("secondary", RoleOf(pulled));
            foreach (LabNode node in lab.Nodes) writers.AssertHeldBy(node, $"round {round}");
            TestCounts.Reached("system.failover.pulls", 1);
        }
    }

    [RootFact]
    public void What_only_the_dead_held_is_waited_for_by_name_until_the_operator_accepts_the_loss()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Calm);
        using var processes = new NodeProcesses();
        LabNode primary = lab.Primary, holder = lab.Secondaries[0], survivor = lab.Secondaries[1];
        using (RespClient before = lab.ConnectToService()) Assert.Equal("OK", before.Call("SET", "cart:1", "apples").Text);
        using (RespClient reader = lab.Connect(survivor)) Until.True("the survivor holds it too", Limit, () => reader.Call("GET", "cart:1").Text == "apples");
        string[] order = ["accept-loss", Laboratory.Service, "--yes", "--admin", survivor.Admin];
        Shell.Outcome early = Shell.Try(Limit, Laboratory.Program, order);
        Assert.Equal(1, early.ExitCode);
        Assert.Contains($"{primary.Id} is its primary", early.Error, StringComparison.Ordinal);

        lab.Lab("pull", survivor.Id);
        Until.True("the holder has stored the set without the survivor", Limit, () => !StoredSetOf(holder).Contains(NodeId.FromName(survivor.Id)));
        using (RespClient before = lab.ConnectToService()) Assert.Equal("OK", before.Call("SET", "cart:2", "pears").Text);
        processes.Kill(primary);
        processes.Kill(holder);
        processes.Start(holder); // with empty memory; the primary stays away
        lab.Lab("plug", survivor.Id);
        Until.True($"{holder.Id} says for whom the service waits", Limit, () => ServiceOf(holder).GetProperty("election").GetString()!.Contains($"waits for {primary.Id} (on-loss", StringComparison.Ordinal));
        Until.True($"{survivor.Id} says why it is not elected", Limit, () => ServiceOf(survivor).GetProperty("election").GetString()!.Contains("1 of 3 voters would elect this node", StringComparison.Ordinal));
        Assert.False(survivor.Serves(Laboratory.Service) || holder.Serves(Laboratory.Service));

        Assert.Equal(2, Shell.Try(Limit, Laboratory.Program, [.. order.Where(static word => word != "--yes")]).ExitCode);
        foreach (string service in new[] { Laboratory.Service, "second" }) Shell.Run(Laboratory.Program, "accept-loss", service, "--yes", "--admin", survivor.Admin); // who waits with one service acknowledges for none
        Assert.Equal(survivor.Id, lab.AwaitPrimary(Laboratory.Service, after: primary).Id);
        string log = lab.LogOf(survivor);
        Assert.Contains("the operator accepts that acknowledged writes are lost", log, StringComparison.Ordinal);
        Assert.Matches($"acknowledged writes that only ({primary.Id}, {holder.Id}|{holder.Id}, {primary.Id}) held are lost", log);
        using RespClient after = lab.ConnectToService();
        Assert.Equal("apples", after.Call("GET", "cart:1").Text);
        Assert.Equal("(nil)", after.Call("GET", "cart:2").ToString());
        Until.True($"{holder.Id} is a secondary with the whole state", Limit, () => RoleOf(holder) == "secondary" && ServiceOf(holder).GetProperty("complete").GetBoolean());
    }

    /// <param name="isCounted">The survivor belongs to the committed set: it is elected, and waits for the answers of those who may hold more. Otherwise the voters wait.</param>
    [RootTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void With_on_loss_serve_what_is_there_is_served_after_on_loss_after_and_the_loss_is_reported(bool isCounted)
    {
        TimeSpan onLossAfter = TimeSpan.FromSeconds(2);
        string[] serve = [.. new[] { Laboratory.Service, Laboratory.SecondService }.SelectMany(static service => new[] { "--set", $"service {service}.on-loss=serve", "--set", $"service {service}.on-loss-after=2s" })];
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Calm, .. serve]);
        using var processes = new NodeProcesses();
        LabNode primary = lab.Primary, holder = lab.Secondaries[0], survivor = lab.Secondaries[1];
        using (RespClient before = lab.ConnectToService()) Assert.Equal("OK", before.Call("SET", "cart:1", "apples").Text);
        using (RespClient reader = lab.Connect(survivor)) Until.True("the survivor holds it too", Limit, () => reader.Call("GET", "cart:1").Text == "apples");
        if (!isCounted)
        {
            lab.Lab("pull", survivor.Id);
            Until.True("the holder has stored the set without the survivor", Limit, () => !StoredSetOf(holder).Contains(NodeId.FromName(survivor.Id)));
            using RespClient before = lab.ConnectToService();
            Assert.Equal("OK", before.Call("SET", "cart:2", "pears").Text);
        }
        foreach (LabNode node in new[] { primary, holder }) Assert.Equal(0, Interop.Signals.Send(node.Pid, Stop)); // at one time: neither is followed by the other
        var died = System.Diagnostics.Stopwatch.StartNew();
        processes.Kill(primary);
        processes.Kill(holder);
        processes.Start(holder); // with empty memory; the primary stays away
        if (!isCounted) lab.Lab("plug", survivor.Id);

        Assert.Equal(survivor.Id, lab.AwaitPrimary(Laboratory.Service, after: primary).Id);
        Assert.True(died.Elapsed >= onLossAfter, $"{died.Elapsed}");
        string log = lab.LogOf(survivor);
        Assert.Matches($"acknowledged writes that only ({primary.Id}, {holder.Id}|{holder.Id}, {primary.Id}) held are lost", log);
        Assert.DoesNotContain("the operator accepts", log, StringComparison.Ordinal);
        using RespClient after = lab.ConnectToService();
        Assert.Equal("apples", after.Call("GET", "cart:1").Text);
        Assert.Equal("(nil)", after.Call("GET", "cart:2").ToString());
        Until.True($"{holder.Id} is a secondary with the whole state", Limit, () => RoleOf(holder) == "secondary" && ServiceOf(holder).GetProperty("complete").GetBoolean());
        Until.True("purchases are taken again, once the primary counts it", Limit, () => after.Call("SET", "cart:3", "plums").Text == "OK");
    }

    private static JsonElement ServiceOf(LabNode node) => node.Status().GetProperty("services").EnumerateArray().FirstOrDefault(static service => service.GetProperty("name").GetString() == Laboratory.Service);

    private static IReadOnlyList<NodeId> StoredSetOf(LabNode node) => new VoteFiles(Path.Combine(node.Home, "state")).ReadVotes()[Laboratory.Service].SetMembers;

    // A witness has no services.
    private static string RoleOf(LabNode node) => ServiceOf(node) is { ValueKind: JsonValueKind.Object } service ? service.GetProperty("role").GetString()! : "witness";
}
