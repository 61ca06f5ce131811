using System.Net;
using System.Text;
using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

/// <summary>One engine of a <see cref="TestGroup"/> with what its handler was told.</summary>
internal sealed class TestNode : IGroupHandler
{
    private readonly TestGroup _group;
    private readonly byte[] _beat = new byte[2048];
    private Timestamp _beatAt;
    private bool _isFrozen;

    public TestNode(TestGroup group, string name, ulong incarnation, int index, EngineOptions options, Func<EngineIdentity, EngineIdentity> identity)
    {
        _group = group;
        Name = name;
        Options = options;
        EndPoint = Address(index);
        ulong random = (ulong)index * 1000 + incarnation;
        Engine = new GroupEngine(options, identity(new EngineIdentity
        {
            Name = name,
            Incarnation = incarnation,
            Salt = new UInt128(random, 77),
            Nonce = random + 5_000_000,
            RandomSeed = random,
        }), this);
        _beatAt = group.Now;
    }

    public string Name { get; }
    public EngineOptions Options { get; }
    public IPEndPoint EndPoint { get; }
    public GroupEngine Engine { get; }
    public EngineCounters Counters => Engine.Counters;
    public bool IsDead { get; set; }
    public bool IsRunning => !IsDead && !IsFrozen;
    public List<Packet> SocketBuffer { get; } = [];

    /// <summary>Wall clock of the node against the group's.</summary>
    public long WallOffset { get; set; }
    public long Wall => 1_700_000_000_000 + _group.Now.Nanoseconds / 1_000_000 + WallOffset;

    /// <summary>The process does not run; its socket buffer fills.</summary>
    public bool IsFrozen
    {
        get => _isFrozen;
        set
        {
            _isFrozen = value;
            if (value) return;
            Packet[] waiting = [.. SocketBuffer];
            SocketBuffer.Clear();
            foreach (var packet in waiting) Receive(packet.Bytes, packet.From.EndPoint, packet.Path, endBatch: false);
            var sink = Sink;
            Engine.EndReceiveBatch(_group.Now, ref sink);
            Tick();
        }
    }

    // What the handler was told.
    public List<(string From, ulong Through, string[] Messages)> Runs { get; } = [];
    public List<(string From, ulong First, ulong Last, GapReason Reason)> Gaps { get; } = [];
    public List<(string Member, MemberChange Change)> Changes { get; } = [];
    public int Progresses { get; private set; }
    public int Opened { get; private set; }
    public List<HeardBeat> Beats { get; } = [];
    public Action<TestNode, GroupMember, ulong>? OnRun { get; set; }
    public Action<TestNode, GroupMember>? OnGap { get; set; }
    public Action? OnOpen { get; set; }
    public bool Records { get; set; } = true;
    public long Delivered { get; private set; }

    public IEnumerable<string> Messages(string from) => Runs.Where(r => r.From == from).SelectMany(static r => r.Messages);
    public GroupMember Member(string name) => Engine.Members.Single(m => m.Name == name);
    public TestSink Sink => new(this);

    public static IPEndPoint Address(int index) => new(new IPAddress([10, 0, 0, (byte)(index + 1)]), 7000);

    public Timestamp Deadline => Timestamp.Min(Engine.NextDeadline, _beatAt);

    public bool Publish(string message, PublishOptions options = PublishOptions.None) => Publish(Encoding.ASCII.GetBytes(message), options, out _);

    public bool Publish(ReadOnlySpan<byte> message, PublishOptions options, out ulong sequence)
    {
        var sink = Sink;
        return Engine.TryPublish(_group.Now, message, options, out sequence, ref sink);
    }

    public void Flush()
    {
        var sink = Sink;
        Engine.Flush(_group.Now, ref sink);
    }

    public void PublishNow(string message, PublishOptions options = PublishOptions.None)
    {
        if (!Publish(message, options)) throw new InvalidOperationException("refused");
        Flush();
    }

    public void Leave()
    {
        var sink = Sink;
        Engine.Leave(_group.Now, ref sink);
    }

    public void Tick()
    {
        if (_beatAt <= _group.Now)
        {
            _beatAt = _group.Now + Options.Heartbeat;
            int length = Engine.Heartbeats.TryWrite(_group.Now, Wall, _beat);
            if (length > 0) SendToAll(_beat.AsSpan(0, length), ReceivePath.Heartbeat);
            foreach (var to in Engine.Heartbeats.UnicastDestinations)
            {
                if (length > 0) SendTo(to, _beat.AsSpan(0, length));
            }
        }
        var sink = Sink;
        if (Engine.NextDeadline <= _group.Now) Engine.OnTick(_group.Now, Wall, ref sink);
    }

    public void Receive(ReadOnlySpan<byte> bytes, IPEndPoint source, ReceivePath path, bool endBatch = true)
    {
        var sink = Sink;
        Engine.OnDatagram(_group.Now, Wall, bytes.ToArray(), source, path, ref sink);
        if (endBatch) Engine.EndReceiveBatch(_group.Now, ref sink);
    }

    public void SendToAll(ReadOnlySpan<byte> datagram, ReceivePath path)
    {
        foreach (var to in _group.Nodes)
        {
            if (to != this && !to.IsDead) _group.Send(new Packet(this, to, path, datagram.ToArray()));
        }
    }

    public void SendTo(IPEndPoint destination, ReadOnlySpan<byte> datagram)
    {
        if (_group.Nodes.FirstOrDefault(n => !n.IsDead && n.EndPoint.Equals(destination)) is { } to) _group.Send(new Packet(this, to, ReceivePath.Unicast, datagram.ToArray()));
    }

    public void OnDeliver(GroupMember sender, ulong throughSequence, MessageRun run)
    {
        if (!Records)
        {
            foreach (var _ in run) Delivered++;
            return;
        }
        var messages = new List<string>();
        foreach (var message in run) messages.Add(Encoding.ASCII.GetString(message));
        Delivered += messages.Count;
        Runs.Add((sender.Name, throughSequence, [.. messages]));
        OnRun?.Invoke(this, sender, throughSequence);
    }

    public void OnStreamGap(GroupMember sender, ulong from, ulong through, GapReason reason)
    {
        Gaps.Add((sender.Name, from, through, reason));
        OnGap?.Invoke(this, sender);
    }

    public void OnMemberChanged(GroupMember member, MemberChange change) => Changes.Add((member.Name, change));
    public void OnProgress() => Progresses++;

    public void OnBeat(GroupMember member, Timestamp receivedAt, ulong beatSent, ulong echoedSent, uint heldMicroseconds, ReadOnlySpan<byte> extension) =>
        Beats.Add(new HeardBeat(member.Name, receivedAt, beatSent, echoedSent, heldMicroseconds, Encoding.ASCII.GetString(extension)));

    public void OnWindowOpen()
    {
        Opened++;
        OnOpen?.Invoke();
    }
}

/// <summary>A beat as the handler was told of it.</summary>
internal sealed record HeardBeat(string From, Timestamp ReceivedAt, ulong Sent, ulong EchoedSent, uint HeldMicroseconds, string Extension);

/// <summary>The engine's way to the test network.</summary>
internal readonly struct TestSink(TestNode node) : IEngineSink
{
    public void SendToGroup(ReadOnlySpan<byte> datagrams, int datagramBytes)
    {
        bool unicast = node.Options.Transport == GroupTransport.Unicast;
        for (int at = 0; at < datagrams.Length; at += datagramBytes)
            node.SendToAll(datagrams.Slice(at, Math.Min(datagramBytes, datagrams.Length - at)), unicast ? ReceivePath.Unicast : ReceivePath.Group);
    }

    public void SendTo(IPEndPoint destination, ReadOnlySpan<byte> datagram) => node.SendTo(destination, datagram);
}
