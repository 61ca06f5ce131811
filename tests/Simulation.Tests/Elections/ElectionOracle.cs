using System.Numerics;
using Appliance.Cluster.Elections;
using Appliance.Multicast;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>Knows from outside what must hold: leases in true time, terms, acknowledged writes, cuts, and that a primary comes soon (ARCHITECTURE 6, invariants).</summary>
internal sealed class ElectionOracle
{
    private readonly ElectionWorld _world;
    private readonly Timestamp[,] _leases;
    private readonly HashSet<(int Service, uint Term)> _elected = [];
    private readonly List<Entry>[] _entries;
    private readonly Entry?[] _acknowledged;
    private readonly (SynchronisedSet Set, HashSet<NodeId> Members)?[] _committed;
    private readonly long[] _missingSince;
    private readonly int[] _withLoss;
    private readonly Dictionary<string, long> _handedOver = [];

    internal ElectionOracle(ElectionWorld world)
    {
        _world = world;
        int services = world.Plan.Services + 1;
        _leases = new Timestamp[world.Plan.Nodes, services];
        _entries = new List<Entry>[services];
        for (int i = 0; i < services; i++) _entries[i] = [];
        _acknowledged = new Entry?[services];
        _committed = new (SynchronisedSet, HashSet<NodeId>)?[services];
        _missingSince = new long[services];
        Array.Fill(_missingSince, long.MaxValue);
        _withLoss = new int[services];
        Array.Fill(_withLoss, -1);
    }

    /// <summary>A node may act for a service until a time on its own clock. Its kernel's guard goes on after the process: only a new process closes it.</summary>
    internal void OnLease(int node, int service, uint term, Timestamp until)
    {
        if (until < _leases[node, service]) throw new InvariantViolation($"node {node} service {service}: a lease was shortened");
        _leases[node, service] = until;
        if (!_world.Plan.Quorum || _world.NowAt(node) >= until) return;
        for (int other = 0; other < _world.Plan.Nodes; other++)
        {
            if (other != node && HasLease(other, service))
                throw new InvariantViolation($"service {service}: node {node} in term {term} and node {other} have valid leases at one time");
        }
    }

    /// <summary>Who hears no majority uses up no term (pre-vote); who was told that it may stand needs no other.</summary>
    internal void OnStand(ElectionNode node, string service)
    {
        _world.Totals.Stood++;
        _world.Trace.Event(_world.Time, node.Index, service == "group" ? "stands for group" : $"stands for {service}");
        if (!_world.Plan.Quorum || node.Life is null) return;
        if (_handedOver.TryGetValue(service, out long at) && _world.Time - Math.Max(at, node.ContinuedAt) < 2 * _world.DeadAfter) return; // who was frozen reads it now
        GroupView view = node.Life.Engine.View;
        int heard = 1, hears = 1;
        foreach (ElectionNode other in _world.Nodes)
        {
            if (other == node || view.SlotOf(other.Id) < 0) continue;
            if (_world.Time - node.LastHeard(other.Index) <= 3 * _world.DeadAfter) heard++;
            if (_world.Time - other.LastHeard(node.Index) <= 5 * _world.DeadAfter) hears++;
        }
        if (heard < view.Majority) throw new InvariantViolation($"service {service}: node {node.Index} stands although it hears {heard} voters only, itself among them");
        if (hears < view.Majority) throw new InvariantViolation($"service {service}: node {node.Index} stands although {hears} voters only hear it, itself among them");
    }

    /// <summary>A term has one winner.</summary>
    internal void OnElected(int node, int service, uint term, ElectionKind kind)
    {
        if (kind == ElectionKind.WithLoss && _world.Plan.OnLoss == OnLoss.Wait && !_world.LossIsAccepted) throw new InvariantViolation($"service {service}: node {node} was elected with loss in term {term} although on-loss = wait");
        if (kind == ElectionKind.Ordinary && _world.Nodes[node].Life is { } life && !life.IsRecovered(service)) throw new InvariantViolation($"service {service}: node {node} is recovering and was elected in term {term}");
        if (_world.Plan.Quorum) CheckStored(node, service, term);
        if (!_elected.Add((service, term)) && _world.Plan.Quorum) throw new InvariantViolation($"service {service}: node {node} is the second to win term {term}");
        if (kind == ElectionKind.WithLoss) _withLoss[service] = node;
        if (kind is ElectionKind.ColdStart or ElectionKind.WithLoss) _committed[service] = null;
        else if (_world.Plan.Quorum && _committed[service] is { } committed && !committed.Members.Contains(_world.Nodes[node].Id) && (kind == ElectionKind.HandOver || !IsInNewer(node, service, committed.Set)))
            throw new InvariantViolation($"service {service}: node {node} was elected in term {term}, outside the committed set {committed.Set.Term}:{committed.Set.Number}");
    }

    // The votes are on the disks; those of a term may have been followed by others since.
    private void CheckStored(int node, int service, uint term)
    {
        GroupView view = _world.Nodes[node].Life!.Engine.View;
        NodeId winner = _world.Nodes[node].Id;
        int stored = _world.Nodes.Count(voter => view.SlotOf(voter.Id) >= 0 && voter.Store.VoteOf(service == _world.Plan.Services ? "group" : $"s{service}") is var vote
            && (vote.Term > term || (vote.Term == term && vote.VotedFor == winner) || (vote.ReservedTerm == term && vote.ReservedFor == winner)));
        if (stored < view.Majority) throw new InvariantViolation($"service {service}: node {node} was elected in term {term} by {stored} votes that are stored");
    }

    /// <summary>A primary acknowledges by a set from now on.</summary>
    internal void OnSetCommitted(int node, int service, SynchronisedSet set, GroupView view)
    {
        HashSet<NodeId> members = [.. Enumerable.Range(0, ElectionOptions.MaxMembers).Where(set.Contains).Select(view.NodeOf)];
        if (_committed[service] is not { } newest || !newest.Set.IsNewerThan(set)) _committed[service] = (set, members);
        CheckCommitted(node, service, set, view);
    }

    /// <summary>A primary says of a set, or believes, that it is committed: a majority has it on the disk, and nobody a newer one.</summary>
    internal void CheckCommitted(int node, int service, SynchronisedSet set, GroupView view)
    {
        if (!_world.Plan.Quorum || !HasLease(node, service)) return;
        int stored = 0;
        foreach (ElectionNode voter in _world.Nodes)
        {
            if (view.SlotOf(voter.Id) < 0) continue;
            SynchronisedSet kept = Kept(voter, service);
            if (kept.IsNewerThan(set)) throw new InvariantViolation($"service {service}: node {node} takes set {set.Term}:{set.Number} for committed, but node {voter.Index} has {kept.Term}:{kept.Number}");
            if (kept.IsSameAs(set)) stored++;
        }
        if (stored < view.Majority) throw new InvariantViolation($"service {service}: node {node} takes set {set.Term}:{set.Number} for committed, but {stored} voters only have stored it");
    }

    // A set with this node was proposed, and may have been committed without anybody's knowing. Who hands over knows.
    private bool IsInNewer(int node, int service, SynchronisedSet committed) =>
        Array.Exists(_world.Nodes, voter => Kept(voter, service).IsNewerThan(committed) && voter.Store.VoteOf($"s{service}").SetMembers.Contains(_world.Nodes[node].Id));

    private static SynchronisedSet Kept(ElectionNode voter, int service)
    {
        VoteRecord vote = voter.Store.VoteOf($"s{service}");
        return new SynchronisedSet(vote.SetTerm, vote.SetNumber, 0);
    }

    /// <summary>The lease was closed.</summary>
    internal void OnLost(int node, int service) => _leases[node, service] = default;

    /// <summary>A primary consents to another at once.</summary>
    internal void OnHandedOver(int service) => _handedOver[service == _world.Plan.Services ? "group" : $"s{service}"] = _world.Time;

    /// <summary>Whether a node may act now, in true time.</summary>
    internal bool HasLease(int node, int service) => _world.NowAt(node) < _leases[node, service];

    /// <summary>A primary wrote.</summary>
    internal Entry Write(int service, Entry? before, uint term)
    {
        Entry entry = new(_entries[service].Count, before, term);
        _entries[service].Add(entry);
        return entry;
    }

    /// <summary>A client was told that a write is kept.</summary>
    internal void OnAcknowledged(int node, int service, Entry entry)
    {
        if (_world.Plan.Promise == 0) return;
        if (entry.CutTerm != 0) throw new InvariantViolation($"node {node} service {service}: a write beyond a cut was acknowledged");
        if (!_world.Plan.Quorum) return;
        if (!entry.Holds(_acknowledged[service])) throw new InvariantViolation($"node {node} service {service}: acknowledged {entry.Id} on a log without {_acknowledged[service]!.Id}");
        _acknowledged[service] = entry;
    }

    /// <summary>A new primary has collected and cuts: judged now, while those that it did not ask still hold what they hold.</summary>
    /// <param name="node">The primary.</param>
    /// <param name="service">Of the service.</param>
    /// <param name="members">Of the set that it was elected with.</param>
    /// <param name="log">What it holds.</param>
    /// <returns>What would be wrong if it came to serve this log; null: nothing.</returns>
    internal string? Judge(int node, int service, ushort members, Entry? log)
    {
        // A loss was reported when it was elected; who is elected again before it served is alone in its set still.
        bool lossExcused = _withLoss[service] == node && BitOperations.IsPow2(members);
        if (!_world.Plan.Quorum || lossExcused) return null;
        if (_acknowledged[service] is { } acknowledged && !(log?.Holds(acknowledged) ?? false)
            && _world.Nodes.FirstOrDefault(other => other.Life?.Holds(service, acknowledged) ?? false) is { } holder)
            return $"serves without acknowledged write {acknowledged.Id}, which node {holder.Index} held";
        for (Entry? at = log; at is not null; at = at.Before)
        {
            if (at.CutTerm != 0 && _world.Nodes.FirstOrDefault(other => other.Life?.KnowsCut(service, at.CutTerm) ?? false) is { } witness)
                return $"serves write {at.Id}, which lies beyond a cut that node {witness.Index} knew";
        }
        return null;
    }

    /// <summary>A primary begins to serve a log: what is not in it is gone for ever.</summary>
    internal void OnServe(int node, int service, uint term, Entry? log, string? violation)
    {
        if (violation is not null) throw new InvariantViolation($"service {service}: node {node} in term {term} {violation}");
        _withLoss[service] = -1;
        if (!_world.Plan.Quorum) return;
        if (_acknowledged[service] is { } acknowledged && !(log?.Holds(acknowledged) ?? false))
        {
            _world.Totals.Losses++;
            _acknowledged[service] = null;
        }
        if (_world.Plan.Promise == 0) return;              // what nobody else need have, nobody else need have cut
        HashSet<Entry> kept = [];
        for (Entry? at = log; at is not null; at = at.Before)
        {
            if (at.CutTerm != 0) _world.Totals.Losses++;   // all that knew of the cut were killed, or the operator accepted a loss
            at.CutTerm = 0;
            kept.Add(at);
        }
        foreach (Entry entry in _entries[service])
        {
            if (kept.Contains(entry) || entry.CutTerm != 0) continue;
            entry.CutTerm = term;
            _world.Totals.CutWrites++;
        }
    }

    /// <summary>Nobody waits longer than ten times dead-after while a recovered majority can talk.</summary>
    internal void CheckProgress(long time)
    {
        if (!_world.Plan.Quorum) return;
        long patience = 10 * _world.DeadAfter + 20 * _world.Plan.DiskNanoseconds; // a candidate is the more patient the longer the disks take
        for (int service = 0; service < _missingSince.Length; service++)
        {
            bool exists = false;
            for (int node = 0; node < _world.Plan.Nodes; node++) exists |= HasLease(node, service) && _world.Nodes[node].Life is not null;
            if (exists || !Majorities.CanTalk(_world, service)) _missingSince[service] = long.MaxValue;
            else _missingSince[service] = Math.Min(_missingSince[service], time);
            if (_missingSince[service] != long.MaxValue && time - _missingSince[service] > patience)
                throw new InvariantViolation($"service {service} has no primary for {(time - _missingSince[service]) / 1e6} ms although a recovered majority can talk: {_world.Describe(service)}");
        }
    }
}
