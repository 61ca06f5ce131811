using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary><c>address-mode = hook</c>: an operator's program is told where the addresses are, beside the takeover and not in it.</summary>
public sealed class Addresses_by_command : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [RootFact]
    public void The_program_is_run_as_nobody_for_each_address_by_who_takes_the_service_and_by_who_loses_it_and_again_until_it_works()
    {
        File.SetUnixFileMode(_directory.Path, (UnixFileMode)511);
        string program = _directory.File("move"), told = _directory.File("told");
        File.WriteAllText(program, $"""
            #!/bin/sh
            echo "$(ip -4 -br address show sync | tr -s ' ' | cut -d' ' -f3) $(id -un) $*" >> {told}
            test "$2" = primary || test -e {_directory.File("works")} || exit 5
            """);
        File.SetUnixFileMode(program, (UnixFileMode)493);
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Patient, "--set", "service demo.address-mode=hook", "--set", $"service demo.address-command={program} eni-1"]);
        LabNode first = lab.Primary, second = lab.Secondaries[0];
        string[] Addresses(LabNode node, string role) => [.. new[] { "10.0.0.150", "fd00::150" }.Select(address => $"10.77.0.{node.Id[0] - 'a' + 1}/24 nobody eni-1 {role} demo TERM {address}")];
        AwaitTold(told, Addresses(first, "primary"));

        lab.Promote(second, Laboratory.Service);
        AwaitTold(told, [.. Addresses(second, "primary"), .. Addresses(first, "secondary")]);
        Until.True("the failure is shown where it happened", Limit, () => Warnings(first).Count(static warning => warning.Contains("the address command has not done its work", StringComparison.Ordinal) && warning.Contains("it ended with 5", StringComparison.Ordinal)) == 2);
        Assert.True(first.Metric("appliance_address_command_failures_total") > 0);
        Assert.Equal(0, second.Metric("appliance_address_command_failures_total"));
        Assert.True(second.Serves(Laboratory.Service));

        File.WriteAllText(_directory.File("works"), "");
        Until.True("it works in the end", Limit, () => !Warnings(first).Any(static warning => warning.Contains("address command", StringComparison.Ordinal)));
    }

    // Terms are of no interest here.
    private static void AwaitTold(string file, string[] lines) => Until.True(string.Join(", ", lines), Limit, () =>
        File.Exists(file) && lines.All(File.ReadAllLines(file).Select(static line => System.Text.RegularExpressions.Regex.Replace(line, " demo [0-9]+ ", " demo TERM ")).Contains));

    private static IEnumerable<string> Warnings(LabNode node) => node.Status().GetProperty("warnings").EnumerateArray().Select(static warning => warning.GetString()!);
}
