using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>One node's view of a loss-free, ordered group in memory. Messages are packed into numbered datagrams as the engine packs them.</summary>
internal sealed class FakeGroup : IGroup
{
    private const int DatagramBytes = 1400;
    private readonly FakeNode _node;
    private readonly List<byte> _open = [];
    private bool _inBatch;

    internal FakeGroup(FakeNode node, string name, ulong incarnation)
    {
        _node = node;
        Name = name;
        Self = NodeId.FromName(name);
        Incarnation = incarnation;
    }

    public NodeId Self { get; }

    public string Name { get; }

    public ulong Incarnation { get; }

    public Timestamp Now => _node.Cluster.Now;

    public long WallMilliseconds => _node.Cluster.WallMilliseconds + _node.ClockOffsetMilliseconds;

    internal List<GroupMember> MemberList { get; } = [];

    public IReadOnlyList<GroupMember> Members => MemberList;

    public int MaxMessageBytes => 8 << 20;

    public long PublishableBytes { get; set; } = 1 << 20;

    public bool IsRefused { get; set; }

    public ulong PublishedThrough { get; private set; }

    /// <summary>Datagrams of this life, for members that are held back.</summary>
    internal List<byte[]> Stream { get; } = [];

    internal bool Synchronised { get; private set; }

    /// <summary>Messages with <see cref="PublishOptions.AcknowledgeNow"/>.</summary>
    internal int AcknowledgeRequests { get; private set; }

    public bool TryPublish(ReadOnlySpan<byte> message, PublishOptions options, out ulong sequence)
    {
        sequence = (ulong)Stream.Count + 1;
        if (PublishableBytes < message.Length && !_inBatch) return false;
        Span<byte> header = stackalloc byte[MessageRun.FrameHeaderBytes];
        _inBatch = (options & PublishOptions.BatchContinues) != 0;
        if ((options & PublishOptions.AcknowledgeNow) != 0) AcknowledgeRequests++;
        MessageRun.WriteHeader(header, message.Length, _inBatch);
        _open.AddRange(header);
        _open.AddRange(message);
        if (!_inBatch && _open.Count > DatagramBytes) Flush();
        return true;
    }

    public void Flush()
    {
        if (_open.Count == 0 || _inBatch) return;
        Stream.Add([.. _open]);
        _open.Clear();
        PublishedThrough = (ulong)Stream.Count;
    }

    public void DeclareSynchronised(bool synchronised)
    {
        Synchronised = synchronised;
        _node.Cluster.OnSynchronised(_node);
    }

    public void PublishBeatExtension(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry)
    {
    }
}
