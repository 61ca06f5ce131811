using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>A loss test with a mistyped rule tests nothing: what was asked for must have happened at each receiver, and must have been repaired.</summary>
internal static class LossAssert
{
    public static void WasReal(Laboratory lab, double percent)
    {
        var losses = lab.Losses();
        Assert.Equal(lab.Nodes.Count, losses.Count);
        string primary = lab.Primary.Id;
        foreach ((string to, _, long seen, long dropped) in losses.Where(loss => loss.To != primary))
        {
            Assert.True(seen > 1000, $"only {seen} packets passed towards {to}");
            Chance.Explains(percent / 100, seen, dropped, $"packets towards {to} were dropped", allowed: 0.2);
        }
        Assert.True(lab.Primary.Metric("appliance_multicast_repairs_sent_total") > 0, "nothing was repaired");
    }
}
