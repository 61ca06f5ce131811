using Appliance.Multicast;

namespace Appliance.Tests.Simulation.Oracle;

/// <summary>The all-knowing observer of a run: what every life published and received.</summary>
internal sealed class GroupLedger
{
    private readonly Dictionary<(NodeId, ulong), LifeLedger> _lives = [];
    private readonly List<LifeLedger> _inOrder = [];

    /// <summary>All lives in the order in which they began.</summary>
    internal IReadOnlyList<LifeLedger> Lives => _inOrder;

    /// <summary>Whether a life is the newest of its node.</summary>
    internal bool IsNewest(LifeLedger life) => _inOrder.FindLast(other => other.Node == life.Node) == life;

    /// <summary>A node starts a life.</summary>
    internal LifeLedger Begin(int node, NodeId id, ulong incarnation)
    {
        LifeLedger life = new(this, node, id, new StreamLedger(_inOrder.Count, node, incarnation));
        _lives.Add((id, incarnation), life);
        _inOrder.Add(life);
        return life;
    }

    /// <summary>The life of a member.</summary>
    internal LifeLedger Of(GroupMember member) =>
        _lives.TryGetValue((member.Node, member.Incarnation), out LifeLedger? life)
            ? life
            : throw new InvariantViolation($"a member appeared that never lived: {member.Name} {member.Node}/{member.Incarnation}");
}

/// <summary>What one life of a node published and received.</summary>
internal sealed class LifeLedger
{
    private readonly GroupLedger _group;
    private readonly List<ReceivedStream?> _received = [];

    internal LifeLedger(GroupLedger group, int node, NodeId id, StreamLedger published)
    {
        _group = group;
        Node = node;
        Id = id;
        Published = published;
    }

    /// <summary>Index of the node.</summary>
    internal int Node { get; }

    /// <summary>Its number.</summary>
    internal NodeId Id { get; }

    /// <summary>Its own stream.</summary>
    internal StreamLedger Published { get; }

    /// <summary>The process runs.</summary>
    internal bool Running { get; set; } = true;

    /// <summary>When the life ended, in virtual nanoseconds; the largest number while it runs.</summary>
    internal long EndedAt { get; set; } = long.MaxValue;

    /// <summary>It said goodbye.</summary>
    internal bool SaidGoodbye { get; set; }

    /// <summary>It holds everything that the group holds.</summary>
    internal bool Synchronised { get; set; }

    /// <summary>What it received of a stream.</summary>
    internal ReceivedStream Received(GroupMember sender) => Received(_group.Of(sender).Published);

    /// <summary>What it received of a stream.</summary>
    internal ReceivedStream Received(StreamLedger stream)
    {
        while (_received.Count <= stream.Number) _received.Add(null);
        return _received[stream.Number] ??= new ReceivedStream(stream, $"node {Node}/{Published.Incarnation}");
    }

    /// <summary>All streams of which something was heard.</summary>
    internal IEnumerable<ReceivedStream> AllReceived => _received.OfType<ReceivedStream>();

    /// <summary>Whether some gap is still open.</summary>
    internal bool HasOpenGap
    {
        get
        {
            foreach (ReceivedStream? received in _received)
            {
                if (received is { OpenGapFrom: > 0 }) return true;
            }
            return false;
        }
    }
}
