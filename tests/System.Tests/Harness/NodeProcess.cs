using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>A node that a test starts itself, beside those of its laboratory: of another build, with a configuration of its own, or one whose end matters. Disposing ends it.</summary>
internal sealed partial class NodeProcess : IDisposable
{
    private const int Terminate = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private bool _ended;

    private NodeProcess(Process process, LabNode node)
    {
        _process = process;
        Node = node;
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>How to ask it.</summary>
    public LabNode Node { get; }

    /// <summary>What it has logged so far.</summary>
    public string Log
    {
        get
        {
            lock (_log) return _log.ToString();
        }
    }

    public bool IsAlive => !_process.HasExited;

    /// <summary>Starts a node of the laboratory that is down, in its own namespace, as it is configured there.</summary>
    public static NodeProcess StartInPlace(LabNode node, string? program = null) => Start(node, Path.Combine(node.Home, "appliance.conf"), program);

    /// <summary>Starts a node; its admin socket answers when this returns.</summary>
    public static NodeProcess Start(LabNode node, string configuration, string? program = null)
    {
        string[] command = ["nsenter", $"--net=/run/netns/{node.Namespace}", program ?? Laboratory.Program, "run", "--config", configuration];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        var started = new NodeProcess(Process.Start(start)!, node);
        try
        {
            Until.True($"{node.Id} answers", Patience, () => started._process.HasExited
                ? throw new InvalidOperationException($"{node.Id} ended with {started._process.ExitCode}: {started.Log}")
                : node.Answers());
            return started;
        }
        catch
        {
            started.Dispose();
            throw;
        }
    }

    /// <summary>Sends SIGTERM.</summary>
    public void AskToEnd()
    {
        if (kill(_process.Id, Terminate) != 0) throw new InvalidOperationException($"SIGTERM to {_process.Id}: errno {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>The exit code.</returns>
    public int AwaitEnd(TimeSpan limit)
    {
        if (!_process.WaitForExit(limit)) throw new TimeoutException($"{Node.Id} still runs {limit.TotalSeconds} s after SIGTERM: {Log}");
        _process.WaitForExit();
        return _process.ExitCode;
    }

    /// <summary>Ends it at once (SIGKILL), if it has not ended.</summary>
    public void Dispose()
    {
        if (_ended) return;
        _ended = true;
        // nsenter becomes the program: there is one process, and it is ours.
        bool endedItself = _process.HasExited && _process.ExitCode != 0;
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        int code = _process.ExitCode;
        _process.Dispose();
        if (endedItself) throw new InvalidOperationException($"{Node.Id} ended by itself with {code}: {Log}"); // whatever else failed, this is why
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is null) return;
        lock (_log) _log.Append(CultureInfo.InvariantCulture, $"{line.Data}\n");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int process, int signal);
}
