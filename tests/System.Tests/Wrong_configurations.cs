using System.Text.RegularExpressions;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 9 of failover: what an operator got wrong is named where he looks, and does no harm meanwhile. Clones and other groups: <see cref="Strangers"/>.</summary>
public sealed class Wrong_configurations
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [RootTheory]
    [InlineData("10.0.0.150/32")]
    [InlineData("fd00::150/128")]
    public void An_address_that_another_host_has_is_named_with_its_hardware_address_by_the_primary_which_serves_on(string address)
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        string backend = $"{lab.Nodes[0].Namespace[..^1]}backend", owner = address[..address.IndexOf('/')];
        LabNode primary = lab.Primary;
        Assert.DoesNotContain(Warnings(primary), warning => warning.Contains(owner, StringComparison.Ordinal));

        Shell.RunIn(backend, "ip", "address", "add", address, "dev", "front", "nodad");

        string mac = Regex.Match(Shell.RunIn(backend, "ip", "link", "show", "front"), "link/ether ([0-9a-f:]+)").Groups[1].Value;
        Until.True($"{primary.Id} names the other host", Limit, () => Warnings(primary).Any(warning => warning.Contains($"{owner} is ", StringComparison.Ordinal) && warning.Contains(mac, StringComparison.Ordinal) && warning.Contains("although this node owns it", StringComparison.Ordinal)));
        Assert.Contains(mac, lab.LogOf(primary));
        Assert.True(primary.Metric("appliance_address_claims_total") > 0);
        Assert.True(primary.Serves(Laboratory.Service));
        foreach (LabNode other in lab.Nodes.Where(node => node.Id != primary.Id)) Assert.DoesNotContain(Warnings(other), warning => warning.Contains($"{owner} is ", StringComparison.Ordinal));
    }

    [RootTheory]
    [InlineData("members", " d=10.77.0.9")]
    [InlineData("dead-after", "3100ms")]
    public void A_member_with_another_member_list_or_other_settings_is_named_by_all_votes_for_nobody_and_the_others_go_on(string key, string value)
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        using var processes = new NodeProcesses();
        LabNode odd = lab.Secondaries[^1];
        string file = Path.Combine(odd.Home, "appliance.conf"), right = File.ReadAllText(file);
        using var writer = new SteadyWriter(lab.Connect(lab.Primary), "cart:");
        processes.Kill(odd);
        File.WriteAllText(file, Regex.Replace(right, $"(?m)^{key} = (.*)$", match => $"{key} = {(value[0] == ' ' ? match.Groups[1].Value : "")}{value}"));
        processes.Start(odd);

        foreach (LabNode node in lab.Nodes.Where(node => node.Id != odd.Id))
        {
            AwaitWarning(node, $"{odd.Id} has other group-wide settings than this node: neither votes for the other");
            AwaitWarning(odd, $"{node.Id} has other group-wide settings than this node: neither votes for the other");
        }
        Assert.False(odd.Serves(Laboratory.Service) || odd.Serves(Laboratory.SecondService));
        writer.AwaitMore(500, "beside a member that is configured otherwise");

        processes.Kill(odd);
        File.WriteAllText(file, right);
        processes.Start(odd);
        writer.Stop();
        lab.AwaitConverged(Limit);
        foreach (LabNode node in lab.Nodes) Assert.DoesNotContain(Warnings(node), static warning => warning.Contains("group-wide settings", StringComparison.Ordinal));
    }

    private static void AwaitWarning(LabNode node, string sentence) =>
        Until.True($"the status of {node.Id} says: {sentence}", Limit, () => Warnings(node).Any(warning => warning.StartsWith(sentence, StringComparison.Ordinal)));

    private static IEnumerable<string> Warnings(LabNode node) => node.Status().GetProperty("warnings").EnumerateArray().Select(static warning => warning.GetString()!);
}
