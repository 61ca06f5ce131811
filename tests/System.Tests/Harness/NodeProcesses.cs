using System.Diagnostics;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>Kills nodes of a laboratory and starts them again, in this process: <c>lab kill</c> and <c>lab start</c> would take longer than what is measured. Disposing ends those that it started.</summary>
internal sealed class NodeProcesses : IDisposable
{
    private readonly Dictionary<string, NodeProcess> _started = [];

    /// <summary>Ends a node at once (SIGKILL).</summary>
    public void Kill(LabNode node)
    {
        if (_started.Remove(node.Id, out NodeProcess? ours))
        {
            ours.Dispose();
            return;
        }
        using var first = Process.GetProcessById(node.Pid); // as the laboratory started it
        first.Kill();
        first.WaitForExit();
    }

    /// <summary>Starts a node that was killed; it answers when this returns.</summary>
    public NodeProcess Start(LabNode node, string? program = null)
    {
        NodeProcess process = NodeProcess.StartInPlace(node, program);
        _started.Add(node.Id, process);
        return process;
    }

    public void Dispose()
    {
        foreach (NodeProcess process in _started.Values) process.Dispose();
    }
}
