using System.Net;
using Appliance.Cluster.Failover;
using Appliance.Configuration;

namespace Appliance.Tests.Cluster.Failover;

public sealed class Adding_a_member
{
    private static readonly GroupOptions Group = new() { Members = [new MemberAddress("a", IPAddress.Parse("10.77.0.1")), new MemberAddress("b", IPAddress.Parse("10.77.0.2"))] };

    [Fact]
    public void Is_possible_as_it_is_configured()
    {
        Assert.Null(MembershipOrders.WhyNotAdd("b=10.77.0.2", Group, out MemberAddress? added));
        Assert.Equal("b=10.77.0.2", added!.ToString());
    }

    [Theory]
    [InlineData("b", "write NAME=ADDRESS")]
    [InlineData("b=", "write NAME=ADDRESS")]
    [InlineData("b=host", "write NAME=ADDRESS")]
    [InlineData("B B=10.77.0.2", "write NAME=ADDRESS")]
    [InlineData("c=10.77.0.3", "does not name c")]
    [InlineData("b=10.77.0.9", "says b=10.77.0.2, not b=10.77.0.9")]
    public void Is_refused_with_a_reason(string member, string reason)
    {
        string? whyNot = MembershipOrders.WhyNotAdd(member, Group, out MemberAddress? added);
        Assert.Contains(reason, whyNot, StringComparison.Ordinal);
        Assert.Null(added);
    }
}
