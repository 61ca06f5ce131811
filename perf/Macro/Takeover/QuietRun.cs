using System.Diagnostics;
using System.Globalization;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Takeover;

/// <summary>What happened in a run in which nothing failed.</summary>
/// <param name="DeadAfter">The group's.</param>
/// <param name="Lasted">Until the end, or until the first takeover was seen.</param>
/// <param name="Takeovers">Changes of a service's term: all of them false.</param>
/// <param name="LongestPause">Of the garbage collectors of all nodes since they started.</param>
/// <param name="PauseBefore">The same when the run began: where it did not grow, the pauses of the run were shorter.</param>
/// <param name="LatestBeat">The worst lateness of a heartbeat of all nodes since they started.</param>
/// <param name="LatestBefore">The same when the run began.</param>
/// <param name="WitnessLate">The worst lateness of a C program with SCHED_FIFO beside them.</param>
/// <param name="WitnessOver">How often that was more than a third of dead-after.</param>
/// <param name="Steal">The part of the processors' time that the hypervisor took.</param>
/// <param name="Dropped">The part of the datagrams that was lost.</param>
/// <param name="Requests">Answered by the service.</param>
internal sealed record QuietRun(TimeSpan DeadAfter, TimeSpan Lasted, int Takeovers, TimeSpan LongestPause, TimeSpan PauseBefore, TimeSpan LatestBeat, TimeSpan LatestBefore, TimeSpan WitnessLate, long WitnessOver, double Steal, double Dropped, double Requests)
{
    private const string Pauses = "appliance_gc_longest_pause_seconds", Beats = "appliance_heartbeat_latest_seconds";
    private const int LogLines = 25;
    private const int Generators = 2; // and three nodes: more than two processors can do
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60), LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>The witness itself was so late that a takeover, or none, says nothing about ours.</summary>
    public bool IsInconclusive => WitnessOver > 0;

    /// <summary>One line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"dead-after {DeadAfter.TotalMilliseconds:F0} ms, {Lasted.TotalSeconds:F0} s, {Requests:F0} requests/s, {Dropped:P2} lost: {Takeovers} takeovers; longest GC pause {LongestPause.TotalMilliseconds:F1} ms ({PauseBefore.TotalMilliseconds:F1} before the run), latest heartbeat {LatestBeat.TotalMilliseconds:F1} ms ({LatestBefore.TotalMilliseconds:F1} before); witness late by {WitnessLate.TotalMilliseconds:F1} ms at worst, {WitnessOver} times by more than a third of dead-after{(IsInconclusive ? " (inconclusive)" : "")}; steal {Steal:P2}");

    /// <summary>Makes a group, loads it and both processors fully, loses one datagram of a hundred, and waits.</summary>
    /// <param name="deadAfter">Its time to declare death; null: all timing as shipped.</param>
    /// <param name="lasting">How long; a takeover ends it.</param>
    public static QuietRun Of(TimeSpan? deadAfter, TimeSpan lasting)
    {
        TimeSpan dead = deadAfter ?? TimeSpan.FromMilliseconds(200);
        string Milliseconds(double part) => string.Create(CultureInfo.InvariantCulture, $"{dead.TotalMilliseconds * part:F0}ms");
        using Laboratory lab = Laboratory.Up(3, "--set", $"group.heartbeat={Milliseconds(0.1)}", "--set", $"group.dead-after={Milliseconds(1)}", "--set", $"group.lease={Milliseconds(0.75)}"); // the relations of the shipped defaults
        lab.AwaitConverged(Limit);
        using var load = new Load(lab, Generators);
        lab.Lab("loss", "1");
        double before = Terms(lab), answeredBefore = Answered(lab);
        TimeSpan pauseBefore = Worst(lab, Pauses), latestBefore = Worst(lab, Beats);
        (long stolenBefore, long allBefore) = ProcessorTime();
        using var witness = new SchedulingWitness(dead / 3);
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < lasting && Terms(lab) == before)
        {
            if (load.Ended) throw new InvalidOperationException("redis-benchmark ended: the machine is not loaded");
            Thread.Sleep(LookEvery); // this is the measurement: whether nothing happens cannot be awaited
        }
        TimeSpan lasted = Stopwatch.GetElapsedTime(start);
        (TimeSpan late, long over) = witness.End();
        if (Terms(lab) != before) ShowLogs(lab);
        (long stolen, long all) = ProcessorTime();
        double answered = Answered(lab) - answeredBefore;
        double seen = lab.Losses().Sum(static link => link.Seen), dropped = lab.Losses().Sum(static link => link.Dropped);
        if (dropped == 0) throw new InvalidDataException("no datagram was lost: the loss was not in force");
        return new QuietRun(dead, lasted, (int)(Terms(lab) - before), Worst(lab, Pauses), pauseBefore, Worst(lab, Beats), latestBefore, late, over,
            (double)(stolen - stolenBefore) / (all - allBefore), dropped / seen, answered / lasted.TotalSeconds);
    }

    // The laboratory, and its logs, are gone once the run is over.
    private static void ShowLogs(Laboratory lab)
    {
        foreach (LabNode node in lab.Nodes)
        {
            Console.WriteLine($"the last that {node.Id} logged:");
            foreach (string line in lab.LogOf(node).TrimEnd().Split('\n').TakeLast(LogLines)) Console.WriteLine($"  {line}");
        }
    }

    private static TimeSpan Worst(Laboratory lab, string metric) => TimeSpan.FromSeconds(lab.Nodes.Max(node => node.Metric(metric)));

    // Every takeover makes a new term.
    private static double Terms(Laboratory lab) => lab.Nodes[0].Status().GetProperty("services").EnumerateArray().Sum(static service => service.GetProperty("term").GetDouble());

    private static double Answered(Laboratory lab) => lab.Nodes.Sum(static node => node.Metric("appliance_resp_commands_total"));

    // proc(5): user, nice, system, idle, iowait, irq, softirq, steal.
    private static (long Stolen, long All) ProcessorTime()
    {
        long[] ticks = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..9].Select(static field => long.Parse(field, CultureInfo.InvariantCulture))];
        return (ticks[7], ticks.Sum());
    }

    /// <summary>redis-benchmark against the service until it is disposed.</summary>
    private sealed class Load : IDisposable
    {
        private readonly Process[] _processes;

        public Load(Laboratory lab, int count) => _processes = [.. Enumerable.Range(0, count).Select(_ => Start(lab))];

        public bool Ended => _processes.Any(static process => process.HasExited);

        public void Dispose()
        {
            foreach (Process process in _processes)
            {
                if (!process.HasExited) process.Kill();
                process.WaitForExit();
                process.Dispose();
            }
        }

        private static Process Start(Laboratory lab)
        {
            string[] command = [$"--net=/run/netns/{lab.ClientNamespace}", "redis-benchmark", "-h", $"{lab.ServiceAddress}", "-p", $"{lab.RespPort}", "-t", "set,get", "-d", "512", "-c", "50", "-P", "16", "-r", "100000", "-n", "1000000", "-l", "-q"];
            Process process = Process.Start(new ProcessStartInfo("nsenter", command) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.OutputDataReceived += static (_, _) => { };
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            return process;
        }
    }
}
