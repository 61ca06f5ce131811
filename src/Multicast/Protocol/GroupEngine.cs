using System.Net;

namespace Appliance.Multicast.Protocol;

/// <summary>The protocol of one node, free of I/O, clock, threads and randomness (ARCHITECTURE 4). One thread; only <see cref="Heartbeats"/> may be used from another.</summary>
internal sealed class GroupEngine : IDisposable
{
    private readonly EngineOptions _options;
    private readonly List<GroupMember> _members = [];

    internal GroupEngine(EngineOptions options, EngineIdentity identity, IGroupHandler handler)
    {
        _options = options;
        Identity = identity;
        Self = NodeId.FromName(identity.Name);
        _ = handler;
    }

    public EngineIdentity Identity { get; }
    public NodeId Self { get; }

    /// <summary>The other members in the order in which they were first heard.</summary>
    public IReadOnlyList<GroupMember> Members => _members;
    public EngineCounters Counters { get; } = new();
    public HeartbeatSource Heartbeats { get; } = new();
    public int MaxMessageBytes => _options.MaxMessageBytes;
    public long PublishableBytes => 0;
    public ulong PublishedThrough => 0;

    /// <summary>Native memory held, in bytes.</summary>
    public long MemoryBytes => 0;

    /// <summary>Why some member refused this node last, e.g. because its name is alive elsewhere; null when nobody did.</summary>
    public JoinRefusal? LastRefusal => null;

    /// <summary>When <see cref="OnTick"/> must be called next.</summary>
    public Timestamp NextDeadline => Timestamp.Never;

    /// <summary>After <see cref="Leave"/>: every member waited for has received everything.</summary>
    public bool IsDrained => true;

    /// <summary>Handles one datagram, which is opened in place.</summary>
    public void OnDatagram<TSink>(Timestamp now, long wallMilliseconds, Span<byte> datagram, IPEndPoint source, ReceivePath path, ref TSink sink) where TSink : struct, IEngineSink, allows ref struct { }

    /// <summary>Ends a batch of <see cref="OnDatagram"/>: reports, repairs, progress.</summary>
    public void EndReceiveBatch<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink, allows ref struct { }

    /// <summary>See <see cref="IGroup.TryPublish"/>.</summary>
    public bool TryPublish<TSink>(Timestamp now, ReadOnlySpan<byte> message, PublishOptions options, out ulong sequence, ref TSink sink) where TSink : struct, IEngineSink, allows ref struct
    {
        sequence = 0;
        return false;
    }

    /// <summary>Closes the open datagram and sends what the windows allow.</summary>
    public void Flush<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink, allows ref struct { }

    /// <summary>Runs the timers that are due. Call after the sockets were drained: a late tick is discounted, and what was heard meanwhile must count (P-82).</summary>
    public void OnTick<TSink>(Timestamp now, long wallMilliseconds, ref TSink sink) where TSink : struct, IEngineSink, allows ref struct { }

    /// <summary>Says goodbye. Keep the engine running until <see cref="IsDrained"/>, or for as long as there is time.</summary>
    public void Leave<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink, allows ref struct { }

    /// <summary>The link carries again, or no longer: suspicion becomes quicker without it.</summary>
    public void OnLinkChanged(Timestamp now, bool up) { }

    /// <summary>Accepts one more key; <see cref="SealWith"/> makes it the sealing one.</summary>
    public void RotateKey(ushort keyId, ReadOnlySpan<byte> key) { }

    /// <summary>Seals with an accepted key from now on.</summary>
    public void SealWith(ushort keyId) { }

    /// <summary>Accepts a key no longer.</summary>
    public void ForgetKey(ushort keyId) { }

    /// <summary>See <see cref="IGroup.DeclareSynchronised"/>.</summary>
    public void DeclareSynchronised(bool synchronised) { }

    public void Dispose() { }
}
