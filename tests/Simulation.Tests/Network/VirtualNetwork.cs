using System.Net;
using Appliance.Tests.Simulation.Kernel;

namespace Appliance.Tests.Simulation.Network;

/// <summary>Which socket of a node a datagram arrives at.</summary>
internal enum SocketKind : byte
{
    /// <summary>Bound to the group's address.</summary>
    Group,

    /// <summary>Bound to the node's own address.</summary>
    Unicast,

    /// <summary>The heartbeat thread's.</summary>
    Heartbeat,
}

/// <summary>What the network did, for the totals.</summary>
internal sealed class NetworkCounters
{
    internal long Sent, Delivered, Lost, Cut, Duplicated, Detoured, Corrupted, Overflowed;
}

/// <summary>Links between all nodes under virtual time.</summary>
internal sealed class VirtualNetwork
{
    private const int FirstPort = 7000;
    private readonly EventQueue _queue;
    private readonly SimulationRandom _random;
    private readonly Link[] _links;
    private readonly bool[] _unplugged;
    private readonly IPEndPoint[] _endPoints;
    private readonly bool _loopsBack;
    private readonly bool _corruptionReachesReceivers;

    /// <param name="nodes">How many nodes.</param>
    /// <param name="queue">Where arrivals are scheduled.</param>
    /// <param name="random">Chance of this network alone.</param>
    /// <param name="loopsBack">Senders hear what they send to the group, as sockets with IP_MULTICAST_LOOP do.</param>
    /// <param name="corruptionReachesReceivers">False where only the UDP checksum stands guard: what is damaged is lost then.</param>
    internal VirtualNetwork(int nodes, EventQueue queue, SimulationRandom random, bool loopsBack, bool corruptionReachesReceivers)
    {
        NodeCount = nodes;
        _queue = queue;
        _random = random;
        _loopsBack = loopsBack;
        _corruptionReachesReceivers = corruptionReachesReceivers;
        _links = new Link[nodes * nodes];
        for (int i = 0; i < _links.Length; i++) _links[i] = new Link();
        _unplugged = new bool[nodes];
        _endPoints = new IPEndPoint[nodes];
        for (int i = 0; i < nodes; i++) _endPoints[i] = new IPEndPoint(new IPAddress(new byte[] { 10, 0, 0, (byte)(i + 1) }), FirstPort + i);
    }

    /// <summary>How many nodes are attached.</summary>
    internal int NodeCount { get; }

    /// <summary>Virtual time, set by the simulation before each event.</summary>
    internal long Now { get; set; }

    /// <summary>Datagrams under way or in socket buffers.</summary>
    internal PacketPool Packets { get; } = new();

    /// <summary>What happened to datagrams.</summary>
    internal NetworkCounters Counters { get; } = new();

    /// <summary>Sees what a node sends to the group: the node, one datagram.</summary>
    internal Action<int, ReadOnlySpan<byte>>? Observer { get; set; }

    /// <summary>Address of a node's unicast socket.</summary>
    internal IPEndPoint EndPointOf(int node) => _endPoints[node];

    /// <summary>The way from one node to another.</summary>
    internal Link Link(int from, int to) => _links[from * NodeCount + to];

    /// <summary>A NIC loses or gets its carrier.</summary>
    internal void SetPlugged(int node, bool plugged) => _unplugged[node] = !plugged;

    /// <summary>Whether a stream connection between two nodes would make progress now.</summary>
    internal bool Connected(int one, int other) =>
        !_unplugged[one] && !_unplugged[other] && Link(one, other).Cuts == 0 && Link(other, one).Cuts == 0;

    /// <summary>Sends consecutive datagrams to the group.</summary>
    internal void SendToGroup(int source, ReadOnlySpan<byte> datagrams, int datagramBytes, SocketKind socket)
    {
        while (!datagrams.IsEmpty)
        {
            int length = Math.Min(datagramBytes, datagrams.Length);
            SendOneToGroup(source, datagrams[..length], socket);
            datagrams = datagrams[length..];
        }
    }

    /// <summary>Sends one datagram to an address; to none of ours, it vanishes.</summary>
    internal void SendTo(int source, IPEndPoint destination, ReadOnlySpan<byte> datagram)
    {
        int node = destination.Port - FirstPort;
        if ((uint)node >= (uint)NodeCount) return;
        int slot = Packets.Rent(source, toGroup: false, datagram);
        Packets[slot].References++;
        Transmit(source, node, slot, SocketKind.Unicast, byMulticast: false);
        Packets.Release(slot);
    }

    /// <summary>Sends one datagram to every other node's heartbeat socket one by one, as <c>transport = unicast</c> does.</summary>
    internal void SendToEach(int source, ReadOnlySpan<byte> datagram, SocketKind socket)
    {
        Observer?.Invoke(source, datagram);
        int slot = Packets.Rent(source, toGroup: false, datagram);
        Packets[slot].References++;
        for (int node = 0; node < NodeCount; node++)
        {
            if (node != source) Transmit(source, node, slot, socket, byMulticast: false);
        }
        Packets.Release(slot);
    }

    private void SendOneToGroup(int source, ReadOnlySpan<byte> datagram, SocketKind socket)
    {
        Observer?.Invoke(source, datagram);
        int slot = Packets.Rent(source, toGroup: true, datagram);
        Packets[slot].References++;
        for (int node = 0; node < NodeCount; node++)
        {
            if (node != source) Transmit(source, node, slot, socket, byMulticast: true);
            else if (_loopsBack) Schedule(Now, node, slot, socket);
        }
        Packets.Release(slot);
    }

    private void Transmit(int from, int to, int slot, SocketKind socket, bool byMulticast)
    {
        Counters.Sent++;
        Link link = Link(from, to);
        if (_unplugged[from] || _unplugged[to] || link.Cuts > 0 || (byMulticast && link.MulticastCuts > 0))
        {
            Counters.Cut++;
            return;
        }
        if (_random.Chance(link.Loss))
        {
            Counters.Lost++;
            return;
        }
        if (_random.Chance(link.Corruption))
        {
            Counters.Corrupted++;
            if (!_corruptionReachesReceivers) return;
            slot = Damage(slot);
        }
        long arrival = Now + link.Delay + (link.Jitter > 0 ? _random.Between(0L, link.Jitter) : 0);
        if (_random.Chance(link.Reordering))
        {
            Counters.Detoured++;
            arrival += link.Delay + _random.Between(0L, 4 * (link.Jitter + 100_000));
        }
        else
        {
            arrival = Math.Max(arrival, link.LastArrival);
            link.LastArrival = arrival;
        }
        Schedule(arrival, to, slot, socket);
        if (_random.Chance(link.Duplication))
        {
            Counters.Duplicated++;
            long later = _random.Chance(link.Replay) ? 6_000_000_000 : 2_000_000;
            Schedule(arrival + _random.Between(0L, later), to, slot, socket);
        }
    }

    private void Schedule(long arrival, int node, int slot, SocketKind socket)
    {
        Packets[slot].References++;
        _queue.Add(arrival, EventKind.Arrival, node, slot, (int)socket);
    }

    private int Damage(int slot)
    {
        Packet whole = Packets[slot];
        int damaged = Packets.Rent(whole.Source, whole.ToGroup, whole.Bytes.AsSpan(0, whole.Length));
        Packet packet = Packets[damaged];
        if (_random.Chance(0.25)) packet.Length = _random.Below(packet.Length);
        else packet.Bytes[_random.Below(packet.Length)] ^= (byte)(1 << _random.Below(8));
        return damaged;
    }
}
