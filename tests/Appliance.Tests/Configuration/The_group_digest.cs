using Appliance.Configuration;

namespace Appliance.Tests.Configuration;

public sealed class The_group_digest
{
    private static readonly ApplianceConfiguration Base = ConfigurationText.Load(ConfigurationText.Valid);

    [Theory]
    [InlineData("[node]\nid = a", "[node]\nid = b\nmemory-limit = 2GiB\nlog-level = debug")]
    [InlineData("[group]", "[group]\ninterface = eth7\nkey-file = /elsewhere/key")]
    [InlineData("[listener state]", "[listener state]\npassword-file = /etc/password")]
    public void Is_not_moved_by_what_is_a_nodes_own(string header, string changed) =>
        Assert.Equal(GroupDigest.Compute(Base), GroupDigest.Compute(ConfigurationText.Load(ConfigurationText.Valid.Replace(header, changed, StringComparison.Ordinal))));

    [Theory]
    [InlineData("[group]", "[group]\ndead-after = 300ms", "+ group dead-after = 300ms")]
    [InlineData("c=10.77.0.3", "c=10.77.0.4", "+ group members = a=10.77.0.1 b=10.77.0.2 c=10.77.0.4")]
    [InlineData("[service shop]", "[class purchase]\nacks = 2\n[service shop]", "+ class purchase acks = 2")]
    [InlineData("[listener state]", "[listener state]\nport = 6380", "+ listener state port = 6380")]
    public void Is_moved_by_what_the_group_shares_and_the_difference_is_named(string text, string changed, string line)
    {
        ApplianceConfiguration other = ConfigurationText.Load(ConfigurationText.Valid.Replace(text, changed, StringComparison.Ordinal));

        Assert.NotEqual(GroupDigest.Compute(Base), GroupDigest.Compute(other));
        Assert.Contains(line, GroupDigest.Differences(Base, other));
    }

    [Fact]
    public void Counts_what_is_left_out_as_its_default() =>
        Assert.Equal(GroupDigest.Compute(Base), GroupDigest.Compute(ConfigurationText.Load(ConfigurationText.Valid.Replace("[group]", "[group]\nheartbeat = 20ms", StringComparison.Ordinal))));
}
