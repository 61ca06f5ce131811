using System.Globalization;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>What runs did, so that a simulation that no longer elects, hands over or loses is noticed.</summary>
internal sealed class ElectionTotals
{
    internal long Seeds, Events, Beats, Elected, HandOvers, ColdStarts, WithLoss, Lost, Expired, Losses, CutWrites, Acknowledged, SetCommits, ReducedSets, ViewCommits, Votes, VirtualTime, Faults, Lives, Stood;

    internal void Add(ElectionTotals other)
    {
        Seeds += other.Seeds;
        Events += other.Events;
        Beats += other.Beats;
        Elected += other.Elected;
        HandOvers += other.HandOvers;
        ColdStarts += other.ColdStarts;
        WithLoss += other.WithLoss;
        Lost += other.Lost;
        Expired += other.Expired;
        Losses += other.Losses;
        CutWrites += other.CutWrites;
        Acknowledged += other.Acknowledged;
        SetCommits += other.SetCommits;
        ReducedSets += other.ReducedSets;
        ViewCommits += other.ViewCommits;
        Votes += other.Votes;
        VirtualTime += other.VirtualTime;
        Faults += other.Faults;
        Lives += other.Lives;
        Stood += other.Stood;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Seeds} seeds, {VirtualTime / 1e9:F0} virtual s, {Events} events, {Beats} beats, {Lives} lives, {Faults} faults, {Votes} votes stored, {Stood} candidacies, {Elected} elected ({HandOvers} by hand-over, {ColdStarts} cold, {WithLoss} with loss), "
        + $"{Lost} leases lost ({Expired} expired), {Acknowledged} writes acknowledged, {Losses} losses excused, {CutWrites} writes cut, {SetCommits} sets committed ({ReducedSets} reduced), {ViewCommits} views committed");
}
