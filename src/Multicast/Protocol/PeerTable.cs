using System.Net;
using System.Numerics;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>The other nodes. At most one life of each.</summary>
internal sealed class PeerTable : IDisposable
{
    private readonly EngineContext _context;
    private readonly List<Peer> _peers = [];
    private readonly List<GroupMember> _members = [];
    private readonly Dictionary<NodeId, Peer> _byNode = [];
    private Peer? _lastFound;
    private ulong _ordinals;

    public PeerTable(EngineContext context) => _context = context;

    /// <summary>All, in the order in which they were first heard.</summary>
    public List<Peer> All => _peers;

    /// <summary>The same as the state layer sees them.</summary>
    public IReadOnlyList<GroupMember> Members => _members;

    /// <summary>Another node was known at some time; one that is no longer may yet be listening.</summary>
    public bool HasMetAny { get; private set; }

    /// <summary>Lives that said goodbye.</summary>
    public DepartedLives Departed { get; } = new();

    /// <summary>Members that get everything by unicast.</summary>
    public int ByUnicastCount { get; set; }

    /// <summary>Whether reports go by multicast with backoff (P-47).</summary>
    public bool IsLarge => _peers.Count + 1 > _context.Options.DirectReportMembers;

    /// <summary>Number of nodes, this one counted.</summary>
    public int GroupSize => _peers.Count + 1;

    public bool IsFull => _peers.Count >= Math.Min(_context.Options.MaxMembers, 64);

    public Peer? Find(NodeId node)
    {
        if (_lastFound is { } last && last.Node == node) return last;
        if (_byNode.TryGetValue(node, out var peer)) _lastFound = peer;
        return peer;
    }

    public Peer? Find(NodeId node, ulong incarnation) => Find(node) is { } peer && peer.Incarnation == incarnation ? peer : null;

    /// <summary>Adds a life; the table is not full and has no other life of the node.</summary>
    public Peer Add(NodeId node, ulong incarnation, UInt128 salt, in IntroductionView introduction, IPEndPoint endPoint)
    {
        var member = new GroupMember(node, introduction.Name, incarnation)
        {
            Role = introduction.Role,
            State = MemberState.Joining,
            SynchronisationEndPoint = introduction.SynchronisationEndPoint,
        };
        int ordinal = BitOperations.TrailingZeroCount(~_ordinals);
        _ordinals |= 1UL << ordinal;
        var peer = new Peer(_context, member, ordinal, salt, introduction, endPoint);
        HasMetAny = true;
        _peers.Add(peer);
        _members.Add(member);
        _byNode.Add(node, peer);
        return peer;
    }

    /// <summary>Removes a life and frees its memory.</summary>
    public void Remove(Peer peer)
    {
        if (peer.Leaving) Departed.Add(peer.Node, peer.Incarnation);
        _peers.Remove(peer);
        _members.Remove(peer.Member);
        _byNode.Remove(peer.Node);
        if (peer.Member.ByUnicast) ByUnicastCount--;
        _ordinals &= ~(1UL << peer.Ordinal);
        _lastFound = null;
        peer.Dispose();
    }

    public void Dispose()
    {
        foreach (var peer in _peers) peer.Dispose();
        _peers.Clear();
    }
}
