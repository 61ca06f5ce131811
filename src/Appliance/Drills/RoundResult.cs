using Appliance.Admin;

namespace Appliance.Drills;

/// <summary>Puts a round together from what the prober measured and what the successor noted. Both tell the boot clock of one machine.</summary>
internal static class RoundResult
{
    /// <summary>A round that came to its end.</summary>
    /// <param name="begun">Number, primary and load.</param>
    /// <param name="successor">Who took over.</param>
    /// <param name="takeovers">What the nodes noted. On a busy machine there may have been more than one: the one that ended the gap counts.</param>
    /// <param name="probe">The prober's report.</param>
    internal static DrillRound Of(DrillRound begun, string? successor, IReadOnlyList<TakeoverStatus> takeovers, ProbeReport probe)
    {
        GapReport? gap = (probe.Listeners.FirstOrDefault(static listener => listener.Type == "resp") ?? probe.Listeners.FirstOrDefault())?.Gap;
        TakeoverStatus? takeover = gap is null ? null : takeovers.Where(known => known.Address > gap.Last && known.Address <= gap.First).MaxBy(static known => known.Address);
        return begun with
        {
            Successor = successor,
            Kind = takeover?.Kind,
            DetectionMs = Span(gap?.Last, takeover?.Suspected),
            ElectionMs = Span(takeover?.Suspected ?? gap?.Last, takeover?.Elected),
            CollectMs = Span(takeover?.Elected, takeover?.Collected),
            CutMs = Span(takeover?.Collected ?? takeover?.Elected, takeover?.Cut),
            AddressMs = Span(takeover?.Cut, takeover?.Address),
            FirstByteMs = Span(takeover?.Address, gap?.First),
            GapMs = Span(gap?.Last, gap?.First),
            LatenessMs = gap is null ? null : gap.Lateness / 1000.0,
            EchoGapMs = Span(probe.Echo?.Last, probe.Echo?.First),
            Listeners = [.. probe.Listeners.Select(static listener => new DrillListener(listener.Name, listener.Type, Span(listener.Gap?.Last, listener.Gap?.First), listener.Started, listener.Succeeded, listener.Refused))],
            Sessions = probe.Sessions,
            Resumed = probe.Resumed,
            Survived = probe.Survived,
            Acknowledged = probe.Acknowledged,
            Lost = probe.Lost,
            Refused = probe.Refused,
            Unknown = probe.Unknown,
        };
    }

    private static double? Span(long? from, long? until) => (until - from) / 1000.0;
}
