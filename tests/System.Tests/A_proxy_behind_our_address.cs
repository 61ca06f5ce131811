using System.Diagnostics;
using System.Net;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;
using Xunit.Abstractions;

namespace Appliance.Tests.Systems;

/// <summary>A service without listeners: HAProxy on both nodes answers at our address, and the address is where a HAProxy works.</summary>
[Trait("Demand", "A2")]
public sealed class A_proxy_behind_our_address(ITestOutputHelper output)
{
    private const int Fall = 3;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30), Interval = TimeSpan.FromMilliseconds(500), HoldDown = TimeSpan.FromSeconds(4), Slack = TimeSpan.FromSeconds(3);
    private static readonly IPEndPoint Service = new(IPAddress.Parse("10.0.0.160"), 80);

    [RootTheory]
    [InlineData("tcp 127.0.0.1:8404")]
    [InlineData("http 127.0.0.1:8404 /")]
    [InlineData("command /usr/bin/curl -sf --noproxy * -o /dev/null http://127.0.0.1:8404/")]
    public void Moves_the_service_when_it_is_killed_and_makes_its_node_eligible_again_when_it_has_returned_for_as_long_as_hold_down(string check)
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Patient, "--witness", "1", .. Proxied($"addresses={Service.Address}", $"check={check}",
            $"interval={Interval.TotalMilliseconds}ms", $"timeout={Interval.TotalMilliseconds}ms", $"fall={Fall}", "rise=2", $"hold-down={HoldDown.TotalSeconds}s")]);
        LabNode first = lab["a"], second = lab["b"];
        HaProxy ofFirst = HaProxy.Start(first, Service), ofSecond = HaProxy.Start(second, Service);
        try
        {
            AwaitHealthy(first);
            AwaitHealthy(second);
            if (lab.AwaitPrimary("proxied").Id != first.Id) lab.Promote(first, "proxied");
            AwaitAnswer(lab, first);

            long killed = Stopwatch.GetTimestamp();
            ofFirst.Dispose();
            AwaitAnswer(lab, second);
            TimeSpan moved = Stopwatch.GetElapsedTime(killed);
            output.WriteLine($"{check}: answered by the other node after {moved.TotalMilliseconds:F0} ms");
            Assert.True(moved < (Fall * Interval) + Slack, $"it took {moved.TotalMilliseconds:F0} ms");
            Assert.NotNull(Unhealthy(first));

            ofFirst = HaProxy.Start(first, Service);
            AwaitHealthy(first);
            Assert.True(Stopwatch.GetElapsedTime(killed) >= HoldDown, "the node may serve again before hold-down is over");
            Assert.Equal(second.Id, HaProxy.Ask(lab.ClientNamespace, Service)); // it takes nothing back by itself

            ofSecond.Dispose();
            AwaitAnswer(lab, first);
        }
        finally
        {
            ofFirst.Dispose();
            ofSecond.Dispose();
        }
    }

    private static string[] Proxied(params string[] settings) => [.. settings.SelectMany(static setting => new[] { "--set", $"service proxied.{setting}" })];

    private static void AwaitAnswer(Laboratory lab, LabNode node) => Until.True($"the HAProxy beside {node.Id} answers at {Service}", Limit, () => HaProxy.Ask(lab.ClientNamespace, Service) == node.Id);

    private static void AwaitHealthy(LabNode node) => Until.True($"{node.Id} may serve", Limit, () => Unhealthy(node) is null);

    // Why a node may not serve; null: it may.
    private static string? Unhealthy(LabNode node) => node.Status().GetProperty("services").EnumerateArray().Single(static service => service.GetProperty("name").GetString() == "proxied").GetProperty("unhealthy").GetString();
}
