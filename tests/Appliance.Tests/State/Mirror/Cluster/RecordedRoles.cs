using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Remembers what a mirror tells the elections. An offer can be accepted at once, as elections with a transferred lease do.</summary>
internal sealed class RecordedRoles(FakeNode node) : IMirrorRoles
{
    internal List<string> Told { get; } = [];

    /// <summary>Terms in which this node served, and when it began.</summary>
    internal List<(ulong Term, long Milliseconds)> Served { get; } = [];

    internal bool AcceptsOffers { get; set; } = true;

    /// <summary>The voters can be reached.</summary>
    internal bool Commits { get; set; } = true;

    public void OnServing(string service, ulong term)
    {
        Served.Add((term, node.Cluster.Now.Nanoseconds / 1_000_000));
        Told.Add($"serving {term}");
        if (Commits) node.Mirror.CommitSynchronised(service, node.Cluster.Committed); // elections state the set anew in each term
    }

    public void OnTermTooLow(string service, ulong term, ulong seenTerm) => Told.Add($"too low {term} {seenTerm}");

    public void OnStoodDown(string service, ulong higherTerm) => Told.Add($"stood down {higherTerm}");

    public void OnSynchronisedMembersChanged(string service)
    {
        Told.Add($"set {string.Join(' ', node.Mirror.SynchronisedMembers(service))}");
        if (Commits && !node.Cluster.IsIsolated(node)) Commit(); // no majority commits for who cannot reach it
    }

    internal void Commit()
    {
        node.Cluster.Committed = [.. node.Mirror.SynchronisedMembers("demo")];
        node.Mirror.CommitSynchronised("demo", node.Cluster.Committed);
    }

    public void OnHandedOver(string service, string target, ulong term) => Told.Add($"handed over {target} {term}");

    public void OnHandOverFailed(string service, string target, string why) => Told.Add($"failed {target}: {why}");

    public void OnOffered(string service, string from, ulong term)
    {
        Told.Add($"offered {from} {term}");
        if (AcceptsOffers) node.Mirror.BecomePrimary(service, term, node.Cluster.Committed);
    }
}
