namespace Appliance.Tests.Simulation.Network;

/// <summary>A receive buffer with a limit: what does not fit is dropped, as the kernel does.</summary>
internal sealed class SocketBuffer
{
    private readonly Queue<Entry> _entries = new();

    /// <param name="capacity">Most datagrams held.</param>
    internal SocketBuffer(int capacity) => Capacity = capacity;

    /// <summary>Most datagrams held.</summary>
    internal int Capacity { get; }

    /// <summary>Datagrams waiting.</summary>
    internal int Count => _entries.Count;

    /// <summary>Puts a datagram in.</summary>
    /// <returns>False when it was dropped.</returns>
    internal bool TryAdd(int packet, long receivedAt)
    {
        if (_entries.Count >= Capacity) return false;
        _entries.Enqueue(new Entry(packet, receivedAt));
        return true;
    }

    /// <summary>Takes the oldest datagram.</summary>
    internal bool TryTake(out int packet, out long receivedAt)
    {
        bool any = _entries.TryDequeue(out Entry entry);
        (packet, receivedAt) = (entry.Packet, entry.ReceivedAt);
        return any;
    }

    private readonly record struct Entry(int Packet, long ReceivedAt);
}
