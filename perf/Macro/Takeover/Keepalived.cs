using System.Diagnostics;
using System.Net;
using Appliance.Interop;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Takeover;

/// <summary>keepalived in the namespaces of two nodes, by perf/peers/keepalived.conf; the first node is master when it has started. Disposing ends it, and its address is gone.</summary>
internal sealed class Keepalived : IDisposable
{
    /// <summary>The address that it moves.</summary>
    public static readonly IPAddress Address = IPAddress.Parse("10.0.0.170");

    private const int Terminate = 15;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly string Configuration = Path.Combine(AppContext.BaseDirectory, "peers", "keepalived.conf");
    private readonly List<Process> _processes = [];
    private readonly LabNode[] _nodes;

    /// <param name="first">The one with the higher priority.</param>
    /// <param name="second">The other one.</param>
    public Keepalived(LabNode first, LabNode second)
    {
        _nodes = [first, second];
        try
        {
            foreach (LabNode node in _nodes) Launch(node);
            Until.True($"keepalived of {first.Id} is the only master", Limit, () => IsMaster(first) && !IsMaster(second));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A node's card has the address.</summary>
    public static bool IsMaster(LabNode node) => HasAddress(node, Address);

    /// <summary>A node's front card has an address.</summary>
    public static bool HasAddress(LabNode node, IPAddress address) => Shell.RunIn(node.Namespace, "ip", "-o", "address", "show", "dev", "front").Contains($" {address}/", StringComparison.Ordinal);

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            if (!process.HasExited) Signals.Send(process.Id, Terminate); // it takes its address away and ends its child
            process.WaitForExit();
            process.Dispose();
        }
        Until.True("keepalived's address is gone", Limit, () => !_nodes.Any(IsMaster));
    }

    private void Launch(LabNode node)
    {
        string Place(string name) => Path.Combine(node.Home, name);
        string id = _nodes[0] == node ? "a" : "b";
        string[] command = [$"--net=/run/netns/{node.Namespace}", "keepalived", "--vrrp", "--dont-fork", "--no-syslog", "--log-console", "--config-id", id, "-f", Configuration, "-p", Place("keepalived.pid"), "-r", Place("keepalived-vrrp.pid")];
        var start = new ProcessStartInfo("nsenter", command) { RedirectStandardOutput = true, RedirectStandardError = true };
        Process process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _processes.Add(process);
    }
}
