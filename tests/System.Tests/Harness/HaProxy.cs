using System.Diagnostics;
using System.Net;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>
/// A real HAProxy beside a node, in its namespace, that answers every request with the node's id. It listens at the service's address before the node has it (<c>transparent</c>), and at a port of
/// loopback for the node's check. Disposing ends it.
/// </summary>
internal sealed class HaProxy : IDisposable
{
    /// <summary>Where the node asks whether it works.</summary>
    public static readonly IPEndPoint CheckedAt = new(IPAddress.Loopback, 8404);

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly Process _process;
    private bool _ended;

    private HaProxy(Process process) => _process = process;

    /// <summary>Starts one; it answers when this returns.</summary>
    /// <param name="node">Beside which.</param>
    /// <param name="service">The address and port that clients know.</param>
    public static HaProxy Start(LabNode node, IPEndPoint service)
    {
        string configuration = Path.Combine(node.Home, "haproxy.cfg");
        File.WriteAllText(configuration, $"""
            defaults
                mode http
                timeout client 5s
                timeout connect 1s
                timeout server 5s
            frontend checked
                bind {CheckedAt}
                http-request return status 200 content-type text/plain string "{node.Id}"
            frontend service
                bind {service} transparent
                http-request return status 200 content-type text/plain string "{node.Id}"

            """);
        string[] command = [$"--net=/run/netns/{node.Namespace}", "haproxy", "-q", "-db", "-f", configuration]; // nsenter becomes the program; -db: one process, in the foreground
        var started = new HaProxy(Process.Start(new ProcessStartInfo("nsenter", command))!);
        try
        {
            Until.True($"HAProxy beside {node.Id} answers", Limit, () => started._process.HasExited
                ? throw new InvalidOperationException($"HAProxy beside {node.Id} ended with {started._process.ExitCode}: 'haproxy -c -f {configuration}' says why")
                : Ask(node.Namespace, CheckedAt) == node.Id);
            return started;
        }
        catch
        {
            started.Dispose();
            throw;
        }
    }

    /// <summary>Asks on a new connection who answers.</summary>
    /// <param name="networkNamespace">Where the client is.</param>
    /// <param name="target">What it connects to.</param>
    /// <returns>The id of the node beside which the HAProxy runs; empty when nobody answers.</returns>
    public static string Ask(string networkNamespace, IPEndPoint target)
    {
        Shell.Outcome answer = Shell.Try(Limit, "nsenter", $"--net=/run/netns/{networkNamespace}", "curl", "-sf", "--noproxy", "*", "--max-time", "1", $"http://{target}/");
        return answer.ExitCode == 0 ? answer.Output : "";
    }

    /// <summary>Ends it at once (SIGKILL), if it has not ended.</summary>
    public void Dispose()
    {
        if (_ended) return;
        _ended = true;
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
