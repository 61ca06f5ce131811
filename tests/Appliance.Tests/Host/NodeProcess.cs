using System.Diagnostics;
using Appliance.Tests.Appliance.Cluster.Interop;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Host;

/// <summary>A node, run by <c>appliance run</c> as a process of its own: by default a group of one on a loopback address.</summary>
internal sealed class NodeProcess : IDisposable
{
    private const int Terminate = 15;
    private static int _count;
    private readonly TemporaryDirectory _directory = new();
    private readonly Process _process;
    private readonly Task<string> _log;

    /// <param name="environment">Variables to add.</param>
    /// <param name="settings">Lines to add: keys of [node], then other sections with theirs.</param>
    internal NodeProcess(IReadOnlyDictionary<string, string>? environment = null, string settings = "") : this("a", $"a={NextAddress()}", $"t{Environment.ProcessId}-{_count}", settings, environment, [])
    {
    }

    /// <param name="id">Its id.</param>
    /// <param name="members">The group's, as the configuration has them.</param>
    /// <param name="group">The group's name.</param>
    /// <param name="settings">Lines to add: keys of [node], then other sections with theirs.</param>
    /// <param name="environment">Variables to add.</param>
    /// <param name="launcher">What starts it: a program and its arguments; none: this process.</param>
    internal NodeProcess(string id, string members, string group, string settings, IReadOnlyDictionary<string, string>? environment, IReadOnlyList<string> launcher)
    {
        Admin = _directory.File("admin.sock");
        string configuration = _directory.File("node.conf");
        File.WriteAllText(configuration, $"""
            [group]
            name = {group}
            members = {members}
            security = none
            [service shop]
            [class purchase]
            acks = 0
            [admin]
            socket = {Admin}
            [node]
            id = {id}
            state-directory = {_directory.File("state")}
            {settings}
            """);
        if (launcher.Count > 0) UnprivilegedUser.Give(_directory.Path);
        string program = launcher.Count > 0 ? UnprivilegedUser.ReadableProgram : TestedProgram.Path;
        string[] command = [.. launcher, program, "run", "--config", configuration];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        _process = Process.Start(start)!;
        _log = _process.StandardOutput.ReadToEndAsync();
    }

    internal int Id => _process.Id;

    /// <summary>Its admin socket.</summary>
    internal string Admin { get; }

    /// <summary>What it logged; waits for its end.</summary>
    internal string Log => _log.Result;

    /// <summary>Its status as JSON.</summary>
    internal string Status() => Get("/status");

    /// <summary>What its admin page answers.</summary>
    internal string Get(string path) => TestNamespace.Command("curl", "-sS", "--unix-socket", Admin, $"http://node{path}");

    internal void Signal(int signal) => TestKernel.Signal(_process.Id, signal);

    /// <summary>Waits until the admin socket is there: the node serves.</summary>
    internal void AwaitServing() => Assert.True(SpinWait.SpinUntil(() => _process.HasExited || File.Exists(Admin), TimeSpan.FromSeconds(20)) && !_process.HasExited, $"the node does not serve: {(_process.HasExited ? Log : "")}");

    /// <summary>SIGTERM, and the exit code.</summary>
    internal int End()
    {
        Signal(Terminate);
        Assert.True(_process.WaitForExit(TimeSpan.FromSeconds(20)));
        return _process.ExitCode;
    }

    private static string NextAddress() => $"127.{64 + (Environment.ProcessId >> 8 & 127)}.{Environment.ProcessId & 255}.{Interlocked.Increment(ref _count)}";

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
