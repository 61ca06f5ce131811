using System.Diagnostics;
using System.Globalization;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Takeover;

/// <summary>perf/peers/witness.c beside a run: how late a C program with SCHED_FIFO and locked memory was on this machine meanwhile. Compiled when it is first needed.</summary>
internal sealed class SchedulingWitness : IDisposable
{
    private static readonly string Source = Path.Combine(AppContext.BaseDirectory, "peers", "witness.c"), Program = Path.ChangeExtension(Source, null);
    private readonly Process _process;

    /// <param name="limit">How often it was later than this is counted.</param>
    public SchedulingWitness(TimeSpan limit)
    {
        if (!File.Exists(Program) || File.GetLastWriteTimeUtc(Program) < File.GetLastWriteTimeUtc(Source)) Shell.Run("gcc", "-O2", "-pthread", "-o", Program, Source);
        _process = Process.Start(new ProcessStartInfo(Program, [((long)limit.TotalMicroseconds).ToString(CultureInfo.InvariantCulture)]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        if (_process.StandardOutput.ReadLine() != "ready") throw new InvalidOperationException("the witness did not start: it needs SCHED_FIFO and locked memory");
    }

    /// <summary>Ends it.</summary>
    /// <returns>The worst lateness, and how often it was later than the limit.</returns>
    public (TimeSpan Worst, long Over) End()
    {
        _process.StandardInput.Close();
        string[] words = (_process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the witness said nothing")).Split(' ');
        return (TimeSpan.FromMicroseconds(long.Parse(words[0], CultureInfo.InvariantCulture)), long.Parse(words[1], CultureInfo.InvariantCulture));
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
