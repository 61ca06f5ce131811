using System.Net;
using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

/// <summary>A datagram on the test network.</summary>
/// <param name="From">Sending node.</param>
/// <param name="To">Receiving node.</param>
/// <param name="Path">Receiving socket.</param>
/// <param name="Bytes">Payload.</param>
internal sealed record Packet(TestNode From, TestNode To, ReceivePath Path, byte[] Bytes)
{
    /// <summary>Its type byte.</summary>
    public DatagramType Type => (DatagramType)Bytes[1];

    /// <summary>Sequence of DATA, or of the DATA inside a REPAIR.</summary>
    public ulong Sequence => System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(Bytes.AsSpan(Type == DatagramType.Repair ? 32 : 24));
}

/// <summary>A few engines on a network without loss of its own: tests say what is dropped, delayed or seen. One thread, virtual time.</summary>
internal sealed class TestGroup : IDisposable
{
    private readonly PriorityQueue<Packet, (long, long)> _flying = new();
    private readonly List<TestNode> _nodes = [];
    private readonly Func<EngineOptions, EngineOptions> _configure;
    private long _order;

    private TestGroup(Func<EngineOptions, EngineOptions>? configure) => _configure = configure ?? (static o => o);

    /// <summary>Virtual time.</summary>
    public Timestamp Now { get; private set; } = new(1_000_000_000);

    /// <summary>One-way delay.</summary>
    public TimeSpan Delay { get; set; } = TimeSpan.FromMicroseconds(100);

    /// <summary>Whether a datagram is lost. Sees every one.</summary>
    public Func<Packet, bool> Loses { get; set; } = static _ => false;

    /// <summary>More delay for a datagram.</summary>
    public Func<Packet, TimeSpan> Delays { get; set; } = static _ => TimeSpan.Zero;

    /// <summary>Sees every datagram that is sent, also lost ones.</summary>
    public Action<Packet> Sees { get; set; } = static _ => { };

    public IReadOnlyList<TestNode> Nodes => _nodes;
    public TestNode this[string name] => _nodes.Last(n => n.Name == name);

    public static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(static i => (byte)i)];

    /// <summary>A group whose nodes have admitted each other.</summary>
    public static TestGroup Of(int nodes, Func<EngineOptions, EngineOptions>? configure = null)
    {
        var group = new TestGroup(configure);
        for (int i = 0; i < nodes; i++) group.Start(((char)('a' + i)).ToString());
        if (!group.RunUntil(() => group._nodes.All(n => n.Engine.Members.Count(m => m.State == MemberState.Live) == nodes - 1), 2000)) throw new InvalidOperationException("the group does not form");
        group.Run(milliseconds: 100);
        return group;
    }

    /// <summary>No nodes yet.</summary>
    public static TestGroup Empty(Func<EngineOptions, EngineOptions>? configure = null) => new(configure);

    /// <summary>The default options of the tests.</summary>
    public static EngineOptions Options => new() { GroupName = "test", Keys = [new GroupKey(1, Key)], MaxMessageBytes = 256 << 10, WindowDatagrams = 512, ReceiveWindowDatagrams = 256, RetainedDatagrams = 512 };

    /// <summary>Starts a node.</summary>
    public TestNode Start(string name, ulong incarnation = 1, Func<EngineOptions, EngineOptions>? configure = null, Func<EngineIdentity, EngineIdentity>? identity = null)
    {
        var node = new TestNode(this, name, incarnation, _nodes.Count, (configure ?? _configure)(_configure(Options)), identity ?? (static i => i));
        _nodes.Add(node);
        return node;
    }

    /// <summary>Ends a node without a word.</summary>
    public void Kill(TestNode node)
    {
        node.IsDead = true;
        node.Engine.Dispose();
    }

    public void Run(double milliseconds) => RunUntil(static () => false, milliseconds);

    /// <summary>Runs until something holds; false when it does not in time.</summary>
    public bool RunUntil(Func<bool> condition, double milliseconds = 1000)
    {
        var end = Now + TimeSpan.FromMilliseconds(milliseconds);
        while (!condition())
        {
            var next = Timestamp.Never;
            TestNode? due = null;
            foreach (var node in _nodes)
            {
                if (!node.IsRunning || node.Deadline >= next) continue;
                next = node.Deadline;
                due = node;
            }
            bool packet = _flying.TryPeek(out _, out var key) && key.Item1 <= next.Nanoseconds;
            if (packet) next = new Timestamp(key.Item1);
            if (next > end)
            {
                Now = end;
                return condition();
            }
            Now = Timestamp.Max(Now, next);
            if (packet) Arrive(_flying.Dequeue());
            else due!.Tick();
        }
        return true;
    }

    /// <summary>Puts a datagram on the wire.</summary>
    public void Send(Packet packet)
    {
        Sees(packet);
        if (Loses(packet)) return;
        var at = Now + Delay + Delays(packet);
        _flying.Enqueue(packet, (at.Nanoseconds, _order++));
    }

    /// <summary>Hands bytes to a node as if they had come from the network.</summary>
    public void Inject(TestNode to, byte[] bytes, ReceivePath path = ReceivePath.Group, IPEndPoint? source = null) => to.Receive(bytes, source ?? TestNode.Address(99), path);

    public void Dispose()
    {
        foreach (var node in _nodes) node.Engine.Dispose();
    }

    private void Arrive(Packet packet)
    {
        var node = packet.To;
        if (node.IsDead) return;
        if (node.IsFrozen)
        {
            node.SocketBuffer.Add(packet);
            return;
        }
        node.Receive(packet.Bytes, packet.From.EndPoint, packet.Path);
    }
}
