namespace Appliance.Drills;

/// <summary>A drill: what <c>appliance drill --json</c> prints. Field names are stable (docs/operations.md). Spans are milliseconds.</summary>
internal sealed record DrillReport
{
    /// <summary>When it began.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The laboratory, or null on a real group.</summary>
    public required string? Laboratory { get; init; }

    /// <summary>The service whose primary was broken.</summary>
    public required string Service { get; init; }

    /// <summary>How: pull, kill, freeze, partition.</summary>
    public required string Fault { get; init; }

    /// <summary>The card that was pulled; null: all of them, or none.</summary>
    public required string? Card { get; init; }

    /// <summary>The rounds.</summary>
    public required IReadOnlyList<DrillRound> Rounds { get; init; }

    /// <summary>Of the rounds' gaps; null when no round has one.</summary>
    public DrillSpread? Gap => DrillSpread.Of(Rounds.Select(static round => round.GapMs));

    /// <summary>Of the rounds' ICMP gaps.</summary>
    public DrillSpread? EchoGap => DrillSpread.Of(Rounds.Select(static round => round.EchoGapMs));

    /// <summary>Acknowledged writes of all rounds that were not there afterwards.</summary>
    public int Lost => Rounds.Sum(static round => round.Lost);

    /// <summary>Nothing acknowledged was lost, the service came back each time, and the broken node returned as a secondary.</summary>
    public bool Passed => Rounds.Count > 0 && Rounds.All(static round => round.Failure is null && round.Lost == 0 && round.GapMs is not null && round.Returned);
}

/// <summary>One round. Spans are milliseconds; null: not known. <c>detectionMs</c> to <c>firstByteMs</c> follow each other and add up to the gap.</summary>
internal sealed record DrillRound
{
    /// <summary>From 1.</summary>
    public required int Round { get; init; }

    /// <summary>The primary that was broken.</summary>
    public required string Primary { get; init; }

    /// <summary>Who took over; null: nobody.</summary>
    public string? Successor { get; init; }

    /// <summary>How: ordinary, hand-over, cold-start, with-loss.</summary>
    public string? Kind { get; init; }

    /// <summary>From the last answer until the successor suspected the primary, or was offered the service.</summary>
    public double? DetectionMs { get; init; }

    /// <summary>Until it was elected.</summary>
    public double? ElectionMs { get; init; }

    /// <summary>Until the members had said what they hold.</summary>
    public double? CollectMs { get; init; }

    /// <summary>Until what was lacking was there and the cut was published.</summary>
    public double? CutMs { get; init; }

    /// <summary>Until the addresses were on their links and announced.</summary>
    public double? AddressMs { get; init; }

    /// <summary>Until the first answer.</summary>
    public double? FirstByteMs { get; init; }

    /// <summary>From the last to the first answered PING on new connections, one of which was begun each millisecond; without a resp listener: of the relay's GETs, each 10 ms.</summary>
    public double? GapMs { get; init; }

    /// <summary>How late the prober itself was at worst in the gap.</summary>
    public double? LatenessMs { get; init; }

    /// <summary>From the last to the first ICMP echo reply of the service's address.</summary>
    public double? EchoGapMs { get; init; }

    /// <summary>What new connections saw, by listener.</summary>
    public IReadOnlyList<DrillListener> Listeners { get; init; } = [];

    /// <summary>Standing sessions.</summary>
    public int Sessions { get; init; }

    /// <summary>Those that went on by another connection.</summary>
    public int Resumed { get; init; }

    /// <summary>Those whose connection outlived the takeover.</summary>
    public int Survived { get; init; }

    /// <summary>Purchases that were acknowledged.</summary>
    public int Acknowledged { get; init; }

    /// <summary>Of these, those that were not there afterwards.</summary>
    public int Lost { get; init; }

    /// <summary>Purchases that were refused.</summary>
    public int Refused { get; init; }

    /// <summary>Purchases of unknown outcome: their connection broke first.</summary>
    public int Unknown { get; init; }

    /// <summary>The broken node was a secondary again, synchronised, without help.</summary>
    public bool Returned { get; init; }

    /// <summary>The load average of the machine (one minute) at the fault.</summary>
    public double Load { get; init; }

    /// <summary>What went wrong; null: nothing.</summary>
    public string? Failure { get; init; }
}

/// <summary>What new connections to a listener saw.</summary>
/// <param name="Name">The listener.</param>
/// <param name="Type"><c>resp</c> or <c>relay</c>.</param>
/// <param name="GapMs">From the last to the first answer; null: no answer came any more.</param>
/// <param name="Started">Connections begun.</param>
/// <param name="Answered">Those that were answered.</param>
/// <param name="Refused">Those that were refused or reset.</param>
internal sealed record DrillListener(string Name, string Type, double? GapMs, int Started, int Answered, int Refused);

/// <summary>Of several rounds: the median, the 99th percentile (nearest rank: of fewer than 100 rounds the largest), the largest.</summary>
internal sealed record DrillSpread(double P50Ms, double P99Ms, double MaxMs)
{
    /// <summary>Of the values that are known; null when none is.</summary>
    internal static DrillSpread? Of(IEnumerable<double?> values)
    {
        double[] sorted = [.. values.OfType<double>().Order()];
        return sorted.Length == 0 ? null : new DrillSpread(Rank(sorted, 50), Rank(sorted, 99), sorted[^1]);
    }

    private static double Rank(double[] sorted, int percent) => sorted[Math.Max(0, (sorted.Length * percent + 99) / 100 - 1)];
}
