using System.Globalization;

namespace Appliance.Perf.Macro.Takeover;

/// <summary>
/// Full load on all processors and one datagram of a hundred lost, and nobody fails: no takeover may happen with the shipped timing. A run in which a C program with SCHED_FIFO was itself late by more
/// than a third of dead-after says nothing, and is repeated. With <see cref="StepVariable"/>: the smallest dead-after that holds here.
/// </summary>
internal sealed class FalseFailoverScenario : IScenario
{
    /// <summary>Environment variables: minutes of a run at the shipped timing; seconds of each step towards the smallest dead-after, instead of that run.</summary>
    public const string MinutesVariable = "MINUTES", StepVariable = "STEP_SECONDS";

    private const int Attempts = 3;
    private static readonly double[] Steps = [200, 150, 120, 100, 80, 60, 50, 40, 30];

    public string Name => "false-failover";

    public string Summary => "full load and 1 % loss: no false failover; GC pauses, lateness of heartbeats and of a C witness";

    public IEnumerable<Figure> Run(ScenarioOptions options) => Number(StepVariable) is { } seconds ? FindSmallest(TimeSpan.FromSeconds(seconds)) : Hold(TimeSpan.FromMinutes(options.Quick ? 0.5 : Number(MinutesVariable) ?? 1));

    private static IEnumerable<Figure> Hold(TimeSpan lasting)
    {
        QuietRun run = Repeat(null, lasting, static run => run.IsInconclusive);
        yield return Figure.Of("takeovers", [run.Takeovers], "", target: 0, targetIsLimit: true);
        yield return Figure.Of("longest GC pause", [run.LongestPause.TotalMilliseconds], "ms", target: run.DeadAfter.TotalMilliseconds / 10, targetIsLimit: true);
        yield return Figure.Of("latest heartbeat", [run.LatestBeat.TotalMilliseconds], "ms");
        yield return Figure.Of("witness late, worst", [run.WitnessLate.TotalMilliseconds], "ms");
        yield return Figure.Of("inconclusive", [run.IsInconclusive ? 1 : 0], "");
    }

    // What does not hold beside a late witness is the machine's doing: without steal it might have held.
    private static IEnumerable<Figure> FindSmallest(TimeSpan step)
    {
        double holds = 0, excused = 0;
        bool isClean = true;
        foreach (double milliseconds in Steps)
        {
            QuietRun run = Repeat(TimeSpan.FromMilliseconds(milliseconds), step, static run => run.IsInconclusive && run.Takeovers > 0);
            isClean &= run.Takeovers == 0;
            if (run is { Takeovers: > 0, IsInconclusive: false }) break;
            if (isClean) holds = milliseconds;
            excused = milliseconds;
        }
        yield return Figure.Of("smallest dead-after without a takeover", [holds], "ms");
        yield return Figure.Of("smallest whose takeovers all fell beside steal", [excused], "ms");
    }

    private static QuietRun Repeat(TimeSpan? deadAfter, TimeSpan lasting, Func<QuietRun, bool> isToBeRepeated)
    {
        QuietRun run;
        int attempt = 0;
        do
        {
            run = QuietRun.Of(deadAfter, lasting);
            Console.WriteLine($"false-failover {run}");
        }
        while (isToBeRepeated(run) && ++attempt < Attempts);
        return run;
    }

    private static double? Number(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? double.Parse(text, CultureInfo.InvariantCulture) : null;
}
