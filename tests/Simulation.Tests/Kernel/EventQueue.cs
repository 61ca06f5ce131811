namespace Appliance.Tests.Simulation.Kernel;

/// <summary>What happens next in a simulation.</summary>
internal enum EventKind : byte
{
    /// <summary>A packet reaches a node's socket; the argument is its slot in the packet pool.</summary>
    Arrival,

    /// <summary>A node's event loop turns once.</summary>
    Round,

    /// <summary>A node's heartbeat thread sends.</summary>
    Heartbeat,

    /// <summary>A step of the fault plan; the argument is its index.</summary>
    Fault,

    /// <summary>A node's workload offers messages.</summary>
    Offer,

    /// <summary>A node's workload offers far more than the group takes.</summary>
    Flood,

    /// <summary>A node's write has reached its disk; the argument is its number.</summary>
    Stored,

    /// <summary>A virtual synchronisation transfer goes one step on; the argument is its slot.</summary>
    Transfer,

    /// <summary>The invariants that need the whole group are checked.</summary>
    Check,
}

/// <summary>One scheduled event.</summary>
/// <param name="Time">Virtual nanoseconds.</param>
/// <param name="Order">Ties are broken in the order of scheduling, so that a run is the same every time.</param>
/// <param name="Kind">What happens.</param>
/// <param name="Node">Index of the node that it concerns.</param>
/// <param name="Argument">Meaning depends on the kind.</param>
/// <param name="Detail">Meaning depends on the kind.</param>
internal readonly record struct SimulationEvent(long Time, long Order, EventKind Kind, int Node, int Argument, int Detail);

/// <summary>Events by virtual time: a 4-ary heap without allocation in steady state.</summary>
/// <param name="abandoned">Ends a run whose result nobody needs any more.</param>
internal sealed class EventQueue(CancellationToken abandoned = default)
{
    private SimulationEvent[] _heap = new SimulationEvent[1024];
    private long _order;

    /// <summary>Number of events waiting.</summary>
    internal int Count { get; private set; }

    /// <summary>Schedules an event.</summary>
    internal void Add(long time, EventKind kind, int node, int argument = 0, int detail = 0)
    {
        if (Count == _heap.Length) Array.Resize(ref _heap, _heap.Length * 2);
        SimulationEvent added = new(time, _order++, kind, node, argument, detail);
        int at = Count++;
        while (at > 0)
        {
            int parent = (at - 1) >> 2;
            if (!Before(added, _heap[parent])) break;
            _heap[at] = _heap[parent];
            at = parent;
        }
        _heap[at] = added;
    }

    /// <summary>Takes the earliest event.</summary>
    /// <exception cref="OperationCanceledException">The run was abandoned.</exception>
    internal SimulationEvent Take()
    {
        abandoned.ThrowIfCancellationRequested();
        SimulationEvent first = _heap[0];
        SimulationEvent moved = _heap[--Count];
        int at = 0;
        while (true)
        {
            int child = (at << 2) + 1;
            if (child >= Count) break;
            int least = child;
            int end = Math.Min(child + 4, Count);
            for (int i = child + 1; i < end; i++)
            {
                if (Before(_heap[i], _heap[least])) least = i;
            }
            if (!Before(_heap[least], moved)) break;
            _heap[at] = _heap[least];
            at = least;
        }
        _heap[at] = moved;
        return first;
    }

    private static bool Before(in SimulationEvent left, in SimulationEvent right) =>
        left.Time < right.Time || (left.Time == right.Time && left.Order < right.Order);
}
