using Appliance.Tests.Shared;

namespace Appliance.Tests.TcpStateMirror;

/// <summary>docs/capture.md, code and tests stay together.</summary>
public sealed class The_rules_of_capture
{
    [Fact]
    public void Every_rule_of_the_document_has_a_test_and_every_citation_a_rule() => RuleCoverage.IsWhole("docs/capture.md", 'C', "src/TcpStateMirror", "tests/TcpStateMirror.Tests");
}
