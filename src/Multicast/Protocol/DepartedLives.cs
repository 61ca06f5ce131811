namespace Appliance.Multicast.Protocol;

/// <summary>Who said goodbye, so that a repeated JOIN or SETUP of a life that is over does not bring it back (P-34). Bounded: the oldest are forgotten.</summary>
internal sealed class DepartedLives
{
    private const int Capacity = 256;
    private readonly Dictionary<NodeId, ulong> _incarnations = new(Capacity);
    private readonly Queue<NodeId> _order = new(Capacity);

    /// <summary>Notes a life that is over.</summary>
    public void Add(NodeId node, ulong incarnation)
    {
        if (!_incarnations.ContainsKey(node))
        {
            if (_order.Count == Capacity) _incarnations.Remove(_order.Dequeue());
            _order.Enqueue(node);
        }
        _incarnations[node] = incarnation;
    }

    /// <summary>Whether the life, or a later one of the node, is over.</summary>
    public bool Contains(NodeId node, ulong incarnation) => _incarnations.TryGetValue(node, out ulong last) && incarnation <= last;
}
