using System.Text.Json;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>The laboratory by hand: each verb breaks what it says, and mends it again.</summary>
public sealed class Laboratory_verbs(SharedLaboratory shared) : IClassFixture<SharedLaboratory>
{
    private const double AFifth = 0.2; // of what was asked for may be missing, or too much
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [RootFact]
    public void Pull_takes_the_carrier_and_leaves_the_addresses_and_plug_brings_it_back()
    {
        using SharedLaboratory.Loan loan = shared.Use();
        Laboratory lab = loan.Lab;
        LabNode victim = lab.Secondaries[^1];
        string addresses = Addresses(victim);

        lab.Lab("pull", victim.Id, "sync");
        Assert.False(Carries(victim, "sync"));
        Assert.True(Carries(victim, "front"));
        Assert.Equal(addresses, Addresses(victim));
        AwaitState(lab.Primary, victim.Id, "suspected");
        Until.True("the node's own status names the cable", Limit, () => victim.Status().GetProperty("warnings").EnumerateArray().Any(static warning => warning.GetString()!.Contains("no carrier", StringComparison.Ordinal)));
        lab.Lab("plug", victim.Id, "sync");
        Assert.True(Carries(victim, "sync"));
        lab.AwaitConverged(Limit);

        lab.Lab("pull", victim.Id);
        Assert.False(Carries(victim, "sync") || Carries(victim, "front"));
        lab.Lab("plug", victim.Id);
        lab.AwaitConverged(Limit);
    }

    [RootFact]
    public void Port_down_leaves_the_carrier_and_lets_nothing_through_until_port_up()
    {
        using SharedLaboratory.Loan loan = shared.Use();
        Laboratory lab = loan.Lab;
        LabNode victim = lab.Secondaries[^1];

        lab.Lab("port-down", victim.Id, "sync");
        AwaitState(lab.Primary, victim.Id, "suspected");
        AwaitState(victim, lab.Primary.Id, "suspected");
        Assert.True(Carries(victim, "sync"));
        lab.Lab("port-up", victim.Id, "sync");
        lab.AwaitConverged(Limit);
    }

    [RootFact]
    public void Partition_separates_two_sides_and_with_one_way_only_one_direction_until_heal()
    {
        using SharedLaboratory.Loan loan = shared.Use();
        Laboratory lab = loan.Lab;
        (LabNode a, LabNode b, LabNode c) = (lab["a"], lab["b"], lab["c"]);

        lab.Lab("partition", "a,b/c");
        AwaitState(a, "c", "suspected");
        AwaitState(b, "c", "suspected");
        AwaitState(c, "a", "suspected");
        AwaitState(c, "b", "suspected");
        Assert.Equal("live", StateOf(a, "b"));
        Assert.Equal("live", StateOf(b, "a"));
        lab.Lab("heal");
        lab.AwaitConverged(Limit);

        lab.Lab("partition", "a/b", "--one-way");
        AwaitState(b, "a", "suspected"); // what a sends does not reach b
        Assert.Equal("live", StateOf(a, "b"));
        Assert.Equal("live", StateOf(c, "a"));
        lab.Lab("heal");
        lab.AwaitConverged(Limit);
    }

    [RootFact]
    public void Loss_between_two_nodes_drops_there_and_nowhere_else_and_counts()
    {
        using SharedLaboratory.Loan loan = shared.Use();
        Laboratory lab = loan.Lab;
        LabNode receiver = lab.Secondaries[0];
        lab.Lab("loss", "20", "--from", lab.Primary.Id, "--to", receiver.Id);
        WriteUntil(lab, () => lab.Losses().Single().Seen >= Chance.Trials(0.2, AFifth));
        (string to, double percent, long seen, long dropped) = Assert.Single(lab.Losses());
        Assert.Equal((receiver.Id, 20.0), (to, percent));
        Chance.Explains(0.2, seen, dropped, "packets were dropped", AFifth);
        Assert.True(lab.Refresh().GetProperty("dropped").GetInt64() >= dropped);
        Assert.True(receiver.Metric("appliance_multicast_repairs_received_total") > 0);

        lab.Lab("loss", "0");
        lab.AwaitConverged(Limit);
    }

    [RootFact]
    public void Loss_of_all_that_a_node_sends_leaves_nothing_of_it_and_what_it_hears()
    {
        using SharedLaboratory.Loan loan = shared.Use();
        Laboratory lab = loan.Lab;
        LabNode mute = lab.Secondaries[0], other = lab.Secondaries[1];

        lab.Lab("loss", "100", "--from", mute.Id);

        AwaitState(other, mute.Id, "suspected");
        Assert.Equal("live", StateOf(mute, other.Id));
        Assert.All(lab.Losses(), static link => Assert.Equal(link.Seen, link.Dropped));
    }

    [RootFact]
    public void Reorder_holds_packets_back_and_counts_them_and_heal_ends_it()
    {
        using SharedLaboratory.Loan loan = shared.Use();
        Laboratory lab = loan.Lab;
        string primary = lab.Primary.Id;
        lab.Lab("reorder", "10");
        WriteUntil(lab, () => Reorders(lab).Where(link => link.To != primary).All(static link => link.Seen >= Chance.Trials(0.1, AFifth)));
        (string To, long Seen, long Held)[] links = Reorders(lab);
        Assert.Equal(3, links.Length);
        Assert.All(links.Where(link => link.To != primary), static link => Chance.Explains(0.1, link.Seen, link.Held, $"packets to {link.To} were held back", AFifth));
        Assert.True(lab.Refresh().GetProperty("reordered").GetInt64() > 0);
        lab.Lab("heal");
        lab.AwaitConverged(Limit);
        long after = lab.Refresh().GetProperty("reordered").GetInt64();
        WriteUntil(lab, () => true);
        lab.AwaitConverged(Limit);
        Assert.Equal(after, lab.Refresh().GetProperty("reordered").GetInt64());
    }

    [RootFact]
    public void Freeze_thaw_kill_and_start_do_what_status_shows()
    {
        using SharedLaboratory.Loan loan = shared.Use();
        Laboratory lab = loan.Lab;
        string victim = lab.Secondaries[^1].Id;
        ulong incarnation = lab[victim].Status().GetProperty("incarnation").GetUInt64();

        lab.Lab("freeze", victim);
        Assert.Equal("frozen", Shown(lab, victim));
        AwaitState(lab.Primary, victim, "suspected");
        lab.Lab("thaw", victim);
        Assert.Equal("up", Shown(lab, victim));
        lab.AwaitConverged(Limit);
        Assert.Equal(incarnation, lab[victim].Status().GetProperty("incarnation").GetUInt64());

        lab.Lab("kill", victim);
        Assert.Equal("down", Shown(lab, victim));
        AwaitState(lab.Primary, victim, "suspected");
        lab.Lab("start", victim);
        Assert.Equal("up", Shown(lab, victim));
        lab.AwaitConverged(Limit);
        Assert.True(lab[victim].Status().GetProperty("incarnation").GetUInt64() > incarnation);
    }

    private static void WriteUntil(Laboratory lab, Func<bool> enough)
    {
        using var writer = new SteadyWriter(lab.Connect(lab.Primary), "k:");
        writer.AwaitMore(20_000, "in the laboratory");
        Until.True("enough packets have passed", Limit, enough);
        writer.Stop();
    }

    private static (string To, long Seen, long Held)[] Reorders(Laboratory lab) =>
        [.. JsonDocument.Parse(lab.Lab("reorder", "--json")).RootElement.GetProperty("links").EnumerateArray()
            .Select(static link => (link.GetProperty("to").GetString()!, link.GetProperty("seen").GetInt64(), link.GetProperty("touched").GetInt64()))];

    private static string Shown(Laboratory lab, string node) =>
        lab.Refresh().GetProperty("nodes").EnumerateArray().Single(shown => shown.GetProperty("id").GetString() == node).GetProperty("state").GetString()!;

    private static string StateOf(LabNode node, string member) => node.Member(member).GetProperty("state").GetString()!;

    private static void AwaitState(LabNode node, string member, string state) => Until.True($"{node.Id} sees {member} {state}", Limit, () => StateOf(node, member) == state);

    private static bool Carries(LabNode node, string card) => Shell.RunIn(node.Namespace, "ip", "link", "show", card).Contains("LOWER_UP", StringComparison.Ordinal);

    private static string Addresses(LabNode node) =>
        string.Join(' ', JsonDocument.Parse(Shell.RunIn(node.Namespace, "ip", "-j", "address", "show")).RootElement.EnumerateArray()
            .SelectMany(static card => card.GetProperty("addr_info").EnumerateArray()).Select(static address => address.GetProperty("local").GetString()));
}
