namespace Appliance.Tests.Simulation.Network;

/// <summary>A datagram on its way: one copy shared by all its receivers.</summary>
internal sealed class Packet
{
    /// <summary>Largest datagram that the virtual network carries.</summary>
    internal const int MaxBytes = 2048;

    /// <summary>The bytes as they were sent.</summary>
    internal readonly byte[] Bytes = new byte[MaxBytes];

    /// <summary>How many of them.</summary>
    internal int Length;

    /// <summary>Arrivals and socket buffers that still point here.</summary>
    internal int References;

    /// <summary>Index of the node that sent it.</summary>
    internal int Source;

    /// <summary>It was sent to the group, not to one address.</summary>
    internal bool ToGroup;
}

/// <summary>Packets by slot, reused.</summary>
internal sealed class PacketPool
{
    private readonly List<Packet> _packets = [];
    private readonly Stack<int> _free = new();

    /// <summary>The packet in a slot.</summary>
    internal Packet this[int slot] => _packets[slot];

    /// <summary>Copies a datagram into a free packet that nobody refers to yet.</summary>
    internal int Rent(int source, bool toGroup, ReadOnlySpan<byte> datagram)
    {
        if (!_free.TryPop(out int slot))
        {
            slot = _packets.Count;
            _packets.Add(new Packet());
        }
        Packet packet = _packets[slot];
        datagram.CopyTo(packet.Bytes);
        packet.Length = datagram.Length;
        packet.References = 0;
        packet.Source = source;
        packet.ToGroup = toGroup;
        return slot;
    }

    /// <summary>Gives up a reference, or a packet that never got one.</summary>
    internal void Release(int slot)
    {
        Packet packet = _packets[slot];
        if (packet.References > 0 && --packet.References > 0) return;
        _free.Push(slot);
    }
}
