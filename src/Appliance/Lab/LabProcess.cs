using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Appliance.Interop;

namespace Appliance.Lab;

/// <summary>A process that the laboratory started, known by its id and its start time: an id alone may have been given to another process since.</summary>
/// <param name="Id">Process id.</param>
/// <param name="StartTicks">Field 22 of /proc/PID/stat: clock ticks after boot.</param>
internal sealed record LabProcess(int Id, long StartTicks)
{
    private const int Kill = 9, Continue = 18, Stop = 19, Terminate = 15;

    /// <summary>Starts a detached process whose output goes to a file; it outlives this one.</summary>
    /// <param name="command">Program and arguments.</param>
    /// <param name="logPath">Appended to.</param>
    internal static LabProcess Start(IReadOnlyList<string> command, string logPath)
    {
        // exec keeps the id through sh, setsid and nsenter; setsid spares the process the terminal's Ctrl-C.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "log=$1; shift; exec setsid \"$@\" >>\"$log\" 2>&1 </dev/null", "sh", logPath, .. command]);
        using Process process = Process.Start(start) ?? throw new LabException("no process could be started");
        return new LabProcess(process.Id, ReadStat(process.Id)?.StartTicks ?? throw new LabException($"'{string.Join(' ', command)}' ended at once: see {logPath}"));
    }

    /// <summary><c>up</c>, <c>frozen</c> or <c>down</c>.</summary>
    internal string State => ReadStat(Id) is { } stat && stat.StartTicks == StartTicks && stat.State is not ('Z' or 'X')
        ? stat.State is 'T' or 't' ? "frozen" : "up"
        : "down";

    /// <summary>The process lives, frozen or not.</summary>
    internal bool IsAlive => State != "down";

    /// <summary>Ends it without a chance to say goodbye, and waits until it is gone.</summary>
    internal void KillAndWait() => SignalAndWait(Kill);

    /// <summary>Asks it to end and waits; kills it when it does not.</summary>
    internal void EndAndWait()
    {
        if (State == "frozen") Signal(Continue);
        Signal(Terminate);
        if (!WaitForEnd(TimeSpan.FromSeconds(10))) KillAndWait();
    }

    /// <summary>Stops it as a stunned machine would be stopped.</summary>
    internal void Freeze() => Signal(Stop);

    /// <summary>Lets it go on.</summary>
    internal void Thaw() => Signal(Continue);

    private void SignalAndWait(int signal)
    {
        Signal(signal);
        if (!WaitForEnd(TimeSpan.FromSeconds(10))) throw new LabException($"process {Id} does not end");
    }

    private bool WaitForEnd(TimeSpan patience) => Polling.Until(patience, () => !IsAlive);

    private void Signal(int signal)
    {
        if (!IsAlive) return; // never somebody else's process
        if (Signals.Send(Id, signal) != 0 && IsAlive) throw new LabException($"process {Id} cannot be signalled: errno {Marshal.GetLastPInvokeError()}");
    }

    private static (char State, long StartTicks)? ReadStat(int id)
    {
        try
        {
            string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // the name in parentheses may hold anything
            return (fields[0][0], long.Parse(fields[19], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
