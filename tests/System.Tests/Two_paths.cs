using System.Diagnostics;
using System.Text.Json;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>The whole synchronisation network is lost, with and without a second path for the heartbeats.</summary>
[Trait("Demand", "E6")]
[Collection(Timed.Name)]
public sealed class Two_paths
{
    private const string SecondPath = "group.second-path=a=10.0.0.1 b=10.0.0.2 c=10.0.0.3";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30), Long = TimeSpan.FromSeconds(3);

    [RootTheory]
    [InlineData("refuse")]
    [InlineData("accept")]
    public void By_the_second_path_the_primary_keeps_its_lease_and_its_clients_and_no_acknowledged_write_is_lost(string whenShort)
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Calm, "--set", SecondPath, "--set", $"class purchase.when-short={whenShort}"]);
        LabNode primary = lab.Primary;
        foreach (LabNode node in lab.Nodes) Until.True($"{node.Id} hears the others by both paths", Limit, () => Others(node).All(static member => IsLive(member) && HearsBySecondPath(member)));
        string before = primary.Primaries();
        using var writers = new ServiceWriters(lab, "cart:");
        writers.AwaitMore(200);
        using (var probe = new ServiceProbe(lab, lab.ServiceAddress))
        {
            long began = Stopwatch.GetTimestamp();
            Pull(lab);
            foreach (LabNode node in lab.Nodes) Until.True($"{node.Id} has lost the others' network and hears them", Limit, () => Others(node).All(static member => !IsLive(member) && HearsBySecondPath(member)));
            foreach (LabNode node in lab.Nodes) Assert.Contains(Warnings(node), static warning => warning.Contains("lives, by the second path", StringComparison.Ordinal));
            if (whenShort == "accept") writers.AwaitMore(200);
            else Until.True("purchases are refused, and said to be", Limit, () => writers.Refusals.Any(static text => text.StartsWith("NOREPLICAS", StringComparison.Ordinal)));
            Until.True("it stays so for a while", Limit, () => Stopwatch.GetElapsedTime(began) > Long);
            probe.AwaitAnswer(Stopwatch.GetTimestamp());
            foreach (LabNode node in lab.Nodes) Assert.Equal(before, node.Primaries());
            Assert.True(primary.Serves(Laboratory.Service));
            Assert.True(probe.LongestGap(began) < TimeSpan.FromMilliseconds(500), $"a gap of {probe.LongestGap(began)}: {lab.LogOf(primary)}");
            foreach (LabNode node in lab.Nodes) lab.Lab("plug", node.Id, "sync");
            writers.AwaitMore(200);
        }
        writers.Stop();
        lab.AwaitConverged(Limit);
        foreach (LabNode node in lab.Nodes)
        {
            Assert.Equal(before, node.Primaries());
            writers.AssertHeldBy(node, "after the network came back");
        }
    }

    [RootFact]
    public void Without_a_second_path_nobody_serves_until_the_network_is_back_and_no_acknowledged_write_is_lost()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Calm);
        using var writers = new ServiceWriters(lab, "cart:");
        writers.AwaitMore(200);
        Pull(lab);
        foreach (LabNode node in lab.Nodes)
        {
            Until.True($"{node.Id} says why nobody is primary", Limit, () => Services(node).All(static service => service.GetProperty("primary").ValueKind == JsonValueKind.Null
                && service.GetProperty("election").GetString() == "1 of 3 voters are heard, this node among them: 2 are needed"));
            Assert.False(node.Serves(Laboratory.Service) || node.Serves(Laboratory.SecondService));
            Assert.Equal(JsonValueKind.Null, Others(node).First().GetProperty("secondPath").ValueKind);
        }
        foreach (LabNode node in lab.Nodes) lab.Lab("plug", node.Id, "sync");
        writers.AwaitMore(200);
        writers.Stop();
        lab.AwaitConverged(Limit);
        foreach (LabNode node in lab.Nodes) writers.AssertHeldBy(node, "after the network came back");
    }

    [RootFact]
    public void A_primary_that_dies_is_followed_by_another_although_the_second_path_works()
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Calm, "--set", SecondPath]);
        using var processes = new NodeProcesses();
        LabNode killed = lab.Primary;
        processes.Kill(killed);
        LabNode next = lab.AwaitPrimary(Laboratory.Service, after: killed);
        Until.True($"{next.Id} misses {killed.Id} by both paths", Limit, () => !HearsBySecondPath(next.Member(killed.Id)) && !IsLive(next.Member(killed.Id)));
    }

    private static void Pull(Laboratory lab)
    {
        foreach (LabNode node in lab.Nodes) lab.Lab("pull", node.Id, "sync");
    }

    private static IEnumerable<JsonElement> Others(LabNode node) => node.Status().GetProperty("members").EnumerateArray();

    private static IEnumerable<JsonElement> Services(LabNode node) => node.Status().GetProperty("services").EnumerateArray();

    private static IEnumerable<string> Warnings(LabNode node) => node.Status().GetProperty("warnings").EnumerateArray().Select(static warning => warning.GetString()!);

    private static bool IsLive(JsonElement member) => member.GetProperty("state").GetString() == "live";

    private static bool HearsBySecondPath(JsonElement member) => member.GetProperty("secondPath").GetProperty("heard").GetBoolean();
}
