using Appliance.Tests.Shared;

namespace Appliance.Tests.Multicast;

/// <summary>docs/protocol.md, code and tests stay together.</summary>
public sealed class The_rules_of_the_protocol
{
    [Fact]
    public void Every_rule_of_the_document_has_a_test_and_every_citation_a_rule() => RuleCoverage.IsWhole("docs/protocol.md", 'P', "src/Multicast", "tests/Multicast.Tests");
}
