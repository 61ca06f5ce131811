using System.Diagnostics;
using Appliance.Tests.Appliance.Cluster.Interop;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Host;

/// <summary>A group of one, run by <c>appliance run</c> as a process of its own on a loopback address.</summary>
internal sealed class NodeProcess : IDisposable
{
    private const int Terminate = 15;
    private static int _count;
    private readonly TemporaryDirectory _directory = new();
    private readonly Process _process;
    private readonly Task<string> _log;

    /// <param name="environment">Variables to add.</param>
    /// <param name="settings">Lines to add to the configuration, with their sections.</param>
    internal NodeProcess(IReadOnlyDictionary<string, string>? environment = null, string settings = "")
    {
        Address = $"127.{64 + (Environment.ProcessId >> 8 & 127)}.{Environment.ProcessId & 255}.{Interlocked.Increment(ref _count)}";
        Admin = _directory.File("admin.sock");
        string configuration = _directory.File("node.conf");
        File.WriteAllText(configuration, $"""
            [node]
            id = a
            state-directory = {_directory.File("state")}
            [group]
            name = t{Environment.ProcessId}-{_count}
            members = a={Address}
            security = none
            [service shop]
            [class purchase]
            acks = 0
            [admin]
            socket = {Admin}
            {settings}
            """);
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "appliance"), ["run", "--config", configuration]) { RedirectStandardOutput = true };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        _process = Process.Start(start)!;
        _log = _process.StandardOutput.ReadToEndAsync();
    }

    internal int Id => _process.Id;

    /// <summary>Its address on the synchronisation network.</summary>
    internal string Address { get; }

    /// <summary>Its admin socket.</summary>
    internal string Admin { get; }

    /// <summary>What it logged; waits for its end.</summary>
    internal string Log => _log.Result;

    internal void Signal(int signal) => TestKernel.Signal(_process.Id, signal);

    /// <summary>Waits until the admin socket is there: the node serves.</summary>
    internal void AwaitServing() => Assert.True(SpinWait.SpinUntil(() => _process.HasExited || File.Exists(Admin), TimeSpan.FromSeconds(20)) && !_process.HasExited, "the node does not serve");

    /// <summary>SIGTERM, and the exit code.</summary>
    internal int End()
    {
        Signal(Terminate);
        Assert.True(_process.WaitForExit(TimeSpan.FromSeconds(20)));
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }
        _process.Dispose();
        _directory.Dispose();
    }
}
