using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Appliance.Interop;

namespace Appliance.Cluster.Programs;

/// <summary>
/// Runs an operator's programs: health checks and notifications. As an unprivileged user when this process is root, without capabilities in any case,
/// without a shell, with an environment of its own, in a session of its own; at the deadline it is killed with all that it started. Any thread.
/// </summary>
/// <remarks>setsid(1) and setpriv(1) of util-linux do what the framework's process start cannot: it would fork a process with locked memory to change the user.</remarks>
internal sealed class ProgramRunner
{
    private const int MaxTextChars = 200, Kill = 9, NoProcess = 3;
    private static readonly TimeSpan OutputPatience = TimeSpan.FromSeconds(1);
    private readonly string[] _prefix;
    private readonly SemaphoreSlim _running;

    /// <param name="user">Whom programs run as when this process is root.</param>
    /// <param name="most">Programs at a time; further ones wait, and the wait counts for their deadline.</param>
    /// <exception cref="ArgumentException">There is no such user.</exception>
    internal ProgramRunner(string user, int most = 8)
    {
        _running = new SemaphoreSlim(most);
        string[] unprivileged = [];
        if (Environment.IsPrivilegedProcess)
        {
            (uint id, uint group) = Users.Find(user) ?? throw new ArgumentException($"there is no user '{user}'", nameof(user));
            unprivileged = [$"--reuid={id}", $"--regid={group}", "--clear-groups"];
        }
        _prefix = ["setpriv", "--no-new-privs", "--inh-caps=-all", .. unprivileged, "--"];
    }

    /// <summary>Runs a program to its end.</summary>
    /// <param name="command">Its absolute path and arguments.</param>
    /// <param name="environment">Its environment beside PATH.</param>
    /// <param name="deadline">For waiting and running together.</param>
    internal async Task<ProgramResult> RunAsync(IEnumerable<string> command, IEnumerable<(string Name, string Value)> environment, TimeSpan deadline)
    {
        using var ending = new CancellationTokenSource(deadline);
        string late = $"no end within {deadline.TotalMilliseconds:0} ms";
        try
        {
            await _running.WaitAsync(ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return new ProgramResult(null, $"{late}: too many other programs run");
        }
        try
        {
            using Process? process = Start(command, environment);
            return process is null ? new ProgramResult(null, "'setsid' cannot be started: install util-linux") : await AwaitAsync(process, late, ending.Token).ConfigureAwait(false);
        }
        finally
        {
            _running.Release();
        }
    }

    private static async Task<ProgramResult> AwaitAsync(Process process, string late, CancellationToken ending)
    {
        process.StandardInput.Close();
        Task<string> output = FirstLineAsync(process.StandardOutput), error = FirstLineAsync(process.StandardError);
        bool ended = true;
        try
        {
            await process.WaitForExitAsync(ending).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            ended = false;
        }
        // Also after its end: what it left behind goes with it. The number of the session stays taken while anybody is in it.
        if (Signals.Send(-process.Id, Kill) == NoProcess && !ended) Signals.Send(process.Id, Kill);
        if (!ended)
        {
            await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
            return new ProgramResult(null, late);
        }
        string said = await TextAsync(error).ConfigureAwait(false);
        return new ProgramResult(process.ExitCode, said.Length > 0 ? said : await TextAsync(output).ConfigureAwait(false));
    }

    private Process? Start(IEnumerable<string> command, IEnumerable<(string Name, string Value)> environment)
    {
        var start = new ProcessStartInfo("setsid", [.. _prefix, .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        start.Environment.Clear(); // ours may hold secrets
        start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        try
        {
            return Process.Start(start);
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    // The rest is read and forgotten: a program that says much must not wait for us.
    private static async Task<string> FirstLineAsync(StreamReader reader)
    {
        var line = new StringBuilder();
        var buffer = new char[512];
        bool whole = false;
        while (await reader.ReadAsync(buffer).ConfigureAwait(false) is > 0 and int count)
        {
            int end = Array.IndexOf(buffer, '\n', 0, count);
            if (!whole) line.Append(buffer, 0, Math.Min(end < 0 ? count : end, MaxTextChars - line.Length));
            whole |= end >= 0 || line.Length == MaxTextChars;
        }
        return new string([.. line.ToString().Trim().Select(static c => char.IsControl(c) ? ' ' : c)]);
    }

    private static async Task<string> TextAsync(Task<string> text)
    {
        try
        {
            return await text.WaitAsync(OutputPatience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return ""; // a descendant in a session of its own holds the pipe
        }
    }
}
