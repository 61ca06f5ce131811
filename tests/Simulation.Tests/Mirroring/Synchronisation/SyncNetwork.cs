using Appliance.Multicast;
using Appliance.State;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Nodes;

namespace Appliance.Tests.Simulation.Mirroring.Synchronisation;

/// <summary>Reliable, ordered channels between nodes under virtual time: they break when a process dies, or when nothing passes for too long.</summary>
internal sealed class SyncNetwork
{
    private readonly MirrorWorld _world;
    private readonly EventQueue _queue;
    private readonly SimulationRandom _random;
    private readonly List<SimulatedSyncChannel?> _channels = [];
    private readonly Stack<int> _free = new();

    internal SyncNetwork(MirrorWorld world, EventQueue queue, SimulationRandom random)
    {
        _world = world;
        _queue = queue;
        _random = random;
        Buffer = new byte[SyncLimits.MessageBytes(world.MirrorPlan.Limits)];
    }

    /// <summary>Channels that exist.</summary>
    internal int Open => _channels.Count - _free.Count;

    /// <summary>Room for one message.</summary>
    internal byte[] Buffer { get; }

    /// <summary>Virtual time.</summary>
    internal long Now => _world.Time;

    /// <summary>Chance.</summary>
    internal SimulationRandom Random => _random;

    /// <summary>The channels of one node's mirror.</summary>
    internal ISyncTransport Of(MirrorApplication client) => new Transport(this, client);

    /// <summary>What runs on a node now; null when nothing does.</summary>
    internal MirrorApplication? RunningOn(int node) => _world.Nodes[node] is { Alive: true } running ? (MirrorApplication)running.Application : null;

    /// <summary>Whether packets pass between two nodes.</summary>
    internal bool Passes(int one, int other) => _world.Network.Connected(one, other);

    /// <summary>One way's delay.</summary>
    internal long Delay(int from, int to) => _world.Network.Link(from, to).Delay;

    /// <summary>A channel broke.</summary>
    internal void CountBroken() => _world.MirrorTotals.BrokenChannels++;

    /// <summary>A channel goes on at a time.</summary>
    internal void Schedule(SimulatedSyncChannel channel, long time) => _queue.Add(time, EventKind.Transfer, channel.ClientNode, channel.Slot, channel.Number);

    /// <summary>An event of <see cref="Schedule"/>.</summary>
    internal void OnTransfer(int slot, int number)
    {
        if (_channels[slot] is { } channel && channel.Number == number) channel.Step();
    }

    /// <summary>Nobody needs a channel any more.</summary>
    internal void Release(SimulatedSyncChannel channel)
    {
        if (_channels[channel.Slot] != channel) return;
        _channels[channel.Slot] = null;
        _free.Push(channel.Slot);
    }

    private SimulatedSyncChannel Connect(MirrorApplication client, GroupMember member, ISyncChannelHandler handler)
    {
        int server = Array.FindIndex(_world.Nodes, node => node.Self == member.Node);
        if (!_free.TryPop(out int slot))
        {
            slot = _channels.Count;
            _channels.Add(null);
        }
        SimulatedSyncChannel channel = new(this, slot, (int)++_world.MirrorTotals.Channels, client, server, handler);
        _channels[slot] = channel;
        Schedule(channel, Now + 3 * Delay(client.Node.Index, server)); // a handshake and the first request
        return channel;
    }

    private sealed class Transport(SyncNetwork network, MirrorApplication client) : ISyncTransport
    {
        public ISyncChannel Open(GroupMember member, ISyncChannelHandler handler) => network.Connect(client, member, handler);
    }
}
