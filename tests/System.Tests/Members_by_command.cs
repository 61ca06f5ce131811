using System.Text.Json;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Voters go and come by command, one at a time, on the primary of the group's own service.</summary>
public sealed class Members_by_command
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [RootFact]
    public void A_member_is_removed_and_added_again()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Calm);
        Assert.Equal(["a", "b", "c"], Voters(lab["a"]));
        string victim = lab.Nodes.Select(static node => node.Id).First(id => id != Keeper(lab) && id != lab.Primary.Id);

        AwaitRefused(lab, "remove", victim, "drain it"); // it is in synchronised sets, or even a primary

        lab.Lab("kill", victim);
        Order(lab, "remove", victim); // once it has left the synchronised set
        LabNode[] others = [.. lab.Nodes.Where(node => node.Id != victim)];
        Until.True($"{victim} votes no longer", Limit, () => others.All(node => !Voters(node).Contains(victim)));
        AwaitRefused(lab, "remove", victim, "is no member");

        lab.Lab("start", victim);
        string address = lab[victim].Address.ToString().Replace("10.0.0.", "10.77.0.", StringComparison.Ordinal);
        AwaitRefused(lab, "add", victim, "write NAME=ADDRESS");
        AwaitRefused(lab, "add", $"{victim}=10.77.0.99", "make them alike");
        Until.True($"{victim} votes again", Limit, () =>
        {
            if (lab.Nodes.All(node => Voters(node).Contains(victim))) return true;
            Shell.Try(Limit, Laboratory.Program, "members", "add", $"{victim}={address}", "--admin", lab[Keeper(lab)].Admin); // refused while the change before is not committed everywhere
            return false;
        });
        lab.AwaitConverged(Limit);
    }

    private static void Order(Laboratory lab, string verb, string member) =>
        Until.True($"{verb} {member}", Limit, () => Shell.Try(Limit, Laboratory.Program, "members", verb, member, "--admin", lab[Keeper(lab)].Admin).ExitCode == 0);

    // The keeper may change between the question who it is and the order: then it is refused for that, too.
    private static void AwaitRefused(Laboratory lab, string verb, string member, string why) => Until.True($"{verb} {member} is refused: {why}", Limit, () =>
    {
        Shell.Outcome outcome = Shell.Try(Limit, Laboratory.Program, "members", verb, member, "--admin", lab[Keeper(lab)].Admin);
        Assert.Equal(1, outcome.ExitCode);
        return outcome.Error.Contains(why, StringComparison.Ordinal);
    });

    // The primary of the group's own service, which changes the members.
    private static string Keeper(Laboratory lab)
    {
        string? keeper = null;
        Until.True("the group's own service has a primary", Limit, () => (keeper = List(lab.Nodes.First(static node => node.Answers())).GetProperty("primary").GetString()) is not null && lab[keeper].Answers());
        return keeper!;
    }

    private static string[] Voters(LabNode node) => [.. List(node).GetProperty("members").EnumerateArray().Select(static member => member.GetProperty("name").GetString()!).Order(StringComparer.Ordinal)];

    private static JsonElement List(LabNode node) => JsonDocument.Parse(Shell.Run(Laboratory.Program, "members", "list", "--json", "--admin", node.Admin)).RootElement;
}
