using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>What all parts of one node's elections share.</summary>
internal sealed class ElectionContext
{
    private const int MaxPeers = 64;
    private readonly List<ElectionPeer> _peers = [];
    private readonly ElectionPeer?[] _bySlot = new ElectionPeer?[ElectionOptions.MaxMembers];

    internal ElectionContext(ElectionOptions options, IVoteStore store, IElectionSink sink, Timestamp now)
    {
        Options = options;
        Store = store;
        Sink = sink;
        Self = NodeId.FromName(options.Name);
        SectionCount = options.Services.Count + 1;
        Now = now;
        AbstainUntil = now + options.DeadAfter;
    }

    internal ElectionOptions Options { get; }
    internal IVoteStore Store { get; }
    internal IElectionSink Sink { get; }
    internal NodeId Self { get; }

    /// <summary>Services and the group's own.</summary>
    internal int SectionCount { get; }

    /// <summary>Time of the present call.</summary>
    internal Timestamp Now { get; set; }

    /// <summary>Until then this node has been running for less than dead-after: whatever it had echoed before it started binds no longer afterwards.</summary>
    internal Timestamp AbstainUntil { get; }

    /// <summary>The view in use.</summary>
    internal GroupView View { get; private set; } = null!;

    /// <summary>This node's slot; -1: no member.</summary>
    internal int SelfSlot { get; private set; } = -1;

    /// <summary>This node holds state.</summary>
    internal bool SelfIsData => SelfSlot >= 0 && (View.Data >> SelfSlot & 1) != 0;

    /// <summary>Votes, this node's own among them, that make a primary.</summary>
    internal int Needed => Options.Quorum ? View.Majority : 1;

    /// <summary>Candidacies of this node, of all services, that found no majority in time.</summary>
    internal long Withdrawals { get; set; }

    /// <summary>All that were ever heard.</summary>
    internal List<ElectionPeer> Peers => _peers;

    /// <summary>The states of all services, in the order of the sections.</summary>
    internal ServiceState[] States { get; set; } = [];

    /// <summary>What this node claims about a service.</summary>
    internal ElectionRole RoleOf(int service) => States[service].Role;

    /// <summary>Names of the members of some slots, for a sentence.</summary>
    internal string NamesOf(ushort slots)
    {
        string names = string.Join(", ", Enumerable.Range(0, ElectionOptions.MaxMembers).Where(slot => (slots >> slot & 1) != 0).Select(slot => NameOf(View.NodeOf(slot))));
        return names.Length == 0 ? "nobody" : names;
    }

    /// <summary>A node's name, as far as the configuration knows it.</summary>
    internal string NameOf(NodeId node)
    {
        if (node == NodeId.None) return "nobody";
        foreach (ElectionMember member in Options.Members)
            if (NodeId.FromName(member.Name) == node) return member.Name;
        return node.ToString();
    }

    /// <summary>The other node of a slot; null: never heard, or this one.</summary>
    internal ElectionPeer? PeerAt(int slot) => _bySlot[slot];

    /// <summary>The other node of a slot if it was heard within dead-after and is understood.</summary>
    internal ElectionPeer? FreshAt(int slot) => _bySlot[slot] is { } peer && peer.IsFresh(Now, Options.DeadAfter) ? peer : null;

    /// <summary>A node by its number; null when there are too many.</summary>
    internal ElectionPeer? FindOrAdd(NodeId node)
    {
        foreach (ElectionPeer known in _peers)
            if (known.Node == node) return known;
        if (_peers.Count == MaxPeers || node == Self) return null;
        var peer = new ElectionPeer(node, SectionCount) { Slot = View.SlotOf(node) };
        _peers.Add(peer);
        if (peer.Slot >= 0) _bySlot[peer.Slot] = peer;
        return peer;
    }

    /// <summary>Uses another view.</summary>
    internal void Use(GroupView view)
    {
        View = view;
        SelfSlot = view.SlotOf(Self);
        Array.Clear(_bySlot);
        foreach (ElectionPeer peer in _peers)
        {
            peer.Slot = view.SlotOf(peer.Node);
            if (peer.Slot >= 0) _bySlot[peer.Slot] = peer;
        }
    }
}
