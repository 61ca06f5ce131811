using System.Diagnostics;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Host;

/// <summary>A node that is told to use a card that this host does not have ends at once, holds nothing, and says what and where.</summary>
public sealed class Network_cards_that_do_not_exist
{
    [Theory]
    [InlineData("interface = eth77", "", "group interface 'eth77' does not exist on this host; it has ")]
    [InlineData("", "interface = eth77", "[service shop] interface: there is no network card 'eth77' on this host; it has ")]
    [InlineData("", "", "[service shop] no network card has an address in the network of 203.0.113.9: name the card with 'interface ='")]
    public async Task Are_named(string group, string service, string sentence)
    {
        using var directory = new TemporaryDirectory();
        string configuration = directory.File("node.conf");
        File.WriteAllText(configuration, $"""
            [node]
            id = a
            state-directory = {directory.File("state")}
            [group]
            members = a=127.7.7.7
            security = none
            guard = best-effort
            {group}
            [service shop]
            {(group.Length == 0 ? "addresses = 203.0.113.9" : "")}
            {service}
            [class purchase]
            acks = 0
            [admin]
            socket = {directory.File("admin.sock")}
            """);
        using Process node = Process.Start(new ProcessStartInfo(TestedProgram.Path, ["run", "--config", configuration]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = node.StandardOutput.ReadToEndAsync(), error = node.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2)); // a machine may be busy
        try
        {
            await node.WaitForExitAsync(limit.Token);
        }
        finally
        {
            if (!node.HasExited) node.Kill();
        }

        Assert.Contains(sentence, await output + await error, StringComparison.Ordinal);
        Assert.NotEqual(0, node.ExitCode);
    }
}
