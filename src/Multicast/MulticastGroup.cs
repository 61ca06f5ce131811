using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using Appliance.Multicast.Interop;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Transport;

namespace Appliance.Multicast;

/// <summary>
/// A node's membership in a group on Linux sockets (ARCHITECTURE section 4): reliable ordered streams by negative acknowledgement (A13),
/// positive acknowledgement where it is asked for (A14), to all members at once (A12).
/// </summary>
/// <remarks>
/// The engine and its sockets run on the caller's <see cref="EventLoop"/>; only the heartbeats have a thread of their own.
/// All members belong to the loop thread, or to any thread while the loop does not run; those marked so to any thread at any time.
/// </remarks>
public sealed class MulticastGroup : IGroup, IRoundHandler, IDisposable
{
    private readonly EventLoop _loop;
    private readonly IGroupHandler _handler;
    private readonly GroupSettings _settings;
    private readonly InterfaceChoice _interface;
    private readonly DatagramSockets _dataSockets, _heartbeatSockets;
    private readonly GroupEngine _engine;
    private readonly GroupSender _sender;
    private readonly GroupReceiver _unicastReceiver;
    private readonly GroupReceiver? _groupReceiver;
    private readonly SecondPath? _second;
    private readonly HeartbeatThread _heartbeats;
    private readonly LinkWatch _link;
    private readonly EndPointCache _sources = new();
    private readonly RoundCloser _closer;
    private readonly TransportCounters _counters = new();
    private readonly string? _whyNotLocked;
    private Timestamp _lastRound;
    private bool _insideBatch, _refused, _left, _disposed;
    private int _linkMtuBytes;

    private MulticastGroup(GroupSettings settings, EventLoop loop, IGroupHandler handler, InterfaceChoice choice, DatagramSockets data, DatagramSockets heartbeats, SecondPath? second)
    {
        _settings = settings;
        _loop = loop;
        _handler = handler;
        _interface = choice;
        _dataSockets = data;
        _heartbeatSockets = heartbeats;
        _second = second;
        _linkMtuBytes = choice.MtuBytes;
        DatagramBytes = settings.DatagramBytesOn(choice);
        SelfTestResult test = SelfTest.Run(settings, choice, data);
        StartUpTest = test.Passed ? SelfTest.Run(settings, choice, heartbeats) is { Passed: false } beats ? beats : test : test;
        _whyNotLocked = LockMemory(settings);
        _engine = new GroupEngine(BuildOptions(), BuildIdentity(settings), handler);
        _sender = new GroupSender(settings, data, loop, _counters);
        _unicastReceiver = new GroupReceiver(this, data.Unicast, ReceivePath.Unicast, DatagramBytes, settings.ReceiveOffload, _counters);
        loop.Register(_unicastReceiver.Descriptor, Readiness.Read, _unicastReceiver);
        if (data.Group is not null)
        {
            _groupReceiver = new GroupReceiver(this, data.Group, ReceivePath.Group, DatagramBytes, settings.ReceiveOffload, _counters);
            loop.Register(_groupReceiver.Descriptor, Readiness.Read, _groupReceiver);
        }
        _heartbeats = new HeartbeatThread(settings, DatagramBytes, heartbeats, _engine.Heartbeats, loop, second);
        _link = new LinkWatch(loop, choice.Name, choice.Index, OnLinkChanged);
        _closer = new RoundCloser(this);
        _lastRound = EventLoop.ReadClock();
        loop.Add(this);
        loop.Add(_closer, last: true);
    }

    /// <inheritdoc/>
    public NodeId Self => _engine.Self;

    /// <inheritdoc/>
    public string Name => _settings.NodeName;

    /// <inheritdoc/>
    public ulong Incarnation => _settings.Incarnation;

    /// <inheritdoc/>
    public Timestamp Now => _loop.Now;

    /// <inheritdoc/>
    public long WallMilliseconds => _loop.WallMilliseconds;

    /// <inheritdoc/>
    public IReadOnlyList<GroupMember> Members => _engine.Members;

    /// <inheritdoc/>
    public int MaxMessageBytes => _engine.MaxMessageBytes;

    /// <inheritdoc/>
    public bool IsRefused => _engine.LastRefusal is { } refusal && _loop.Now - refusal.At <= RefusedTraffic.EndsAfter;

    /// <inheritdoc/>
    public long PublishableBytes => _left || _sender.IsCongested ? 0 : _engine.PublishableBytes;

    /// <inheritdoc/>
    public ulong PublishedThrough => _engine.PublishedThrough;

    /// <summary>UDP payload of a full datagram in bytes.</summary>
    public int DatagramBytes { get; }

    /// <summary>What the start-up test of the multicast path found. Any thread.</summary>
    public SelfTestResult StartUpTest { get; }

    /// <summary>After <see cref="Leave"/>: every member waited for has received everything that was published.</summary>
    public bool IsDrained => _engine.IsDrained;

    /// <inheritdoc/>
    Timestamp IRoundHandler.NextDeadline => Timestamp.Min(_engine.NextDeadline, _lastRound + _settings.Heartbeat);

    /// <summary>Joins a group. Takes a moment (up to 600 ms when multicast does not arrive): the sockets are opened and tested before it returns.</summary>
    /// <param name="settings">Checked here.</param>
    /// <param name="loop">Where the group runs; it may be running only if this is called on its thread.</param>
    /// <param name="handler">Told of everything, on the loop thread.</param>
    /// <exception cref="GroupTransportException">The settings do not fit together or do not fit this host. One sentence says what to change.</exception>
    public static MulticastGroup Start(GroupSettings settings, EventLoop loop, IGroupHandler handler)
    {
        settings.Validate();
        InterfaceChoice choice = InterfaceChoice.Find(settings.Interface, settings.Family, settings.UseMulticast);
        DatagramSockets? data = null, heartbeats = null;
        SecondPath? second = null;
        try
        {
            data = DatagramSockets.Open(settings, choice, portOffset: 0);
            heartbeats = DatagramSockets.Open(settings, choice, settings.HeartbeatPortOffset);
            second = SecondPath.Open(settings, settings.DatagramBytesOn(choice), HeartbeatThread.ReceiveBatch);
            return new MulticastGroup(settings, loop, handler, choice, data, heartbeats, second);
        }
        catch
        {
            data?.Dispose();
            heartbeats?.Dispose();
            second?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public bool TryPublish(ReadOnlySpan<byte> message, PublishOptions options, out ulong sequence)
    {
        // The device is full, or this node takes its leave while clients still write: as a closed window, but never inside a batch.
        if ((_left || _sender.IsCongested) && !_insideBatch)
        {
            _refused = true;
            sequence = 0;
            return false;
        }
        var sink = new GroupSink(_sender);
        bool accepted = _engine.TryPublish(_loop.Now, message, options, out sequence, ref sink);
        if (accepted) _insideBatch = (options & PublishOptions.BatchContinues) != 0;
        return accepted;
    }

    /// <inheritdoc/>
    public void Flush()
    {
        var sink = new GroupSink(_sender);
        _engine.Flush(_loop.Now, ref sink);
    }

    /// <inheritdoc/>
    public void DeclareSynchronised(bool synchronised) => _engine.DeclareSynchronised(synchronised);

    /// <inheritdoc/>
    public void PublishBeatExtension(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry) => _engine.PublishBeatExtension(extension, validUntil, hurry);

    /// <summary>Accepts one more key; <see cref="SealWith"/> makes it the sealing one once all nodes accept it.</summary>
    public void AcceptKey(GroupKey key) => _engine.RotateKey(key.Id, key.Bytes.Span);

    /// <summary>Seals with an accepted key from now on.</summary>
    public void SealWith(ushort keyId) => _engine.SealWith(keyId);

    /// <summary>Accepts a key no longer.</summary>
    public void ForgetKey(ushort keyId) => _engine.ForgetKey(keyId);

    /// <summary>Makes the heartbeats depend on one more counter: when it stands still for <see cref="GroupSettings.HangAfter"/>, this node falls silent. Any thread.</summary>
    /// <param name="name">What <see cref="MulticastStatus"/> calls it.</param>
    /// <param name="counter">Read by the heartbeat thread; must neither block nor allocate.</param>
    public void WatchProgress(string name, Func<long> counter) => _heartbeats.Progress.Add(name, counter);

    /// <summary>Ends what <see cref="WatchProgress"/> began. Any thread.</summary>
    public void UnwatchProgress(string name) => _heartbeats.Progress.Remove(name);

    /// <summary>Says goodbye: nothing can be published any more (the window is closed for good), heartbeats end, repairs go on until <see cref="Dispose"/>. Wait for <see cref="IsDrained"/> if there is time.</summary>
    public void Leave()
    {
        if (_left) return;
        _left = true;
        _heartbeats.Quieten();
        var sink = new GroupSink(_sender);
        _engine.Flush(_loop.Now, ref sink);
        _engine.Leave(_loop.Now, ref sink);
    }

    /// <summary>What is going on. Allocates; for status and metrics.</summary>
    public MulticastStatus ReadStatus() => new()
    {
        Interface = _interface.Name,
        Address = ((IPEndPoint)_dataSockets.Unicast.LocalEndPoint!).ToString(),
        MtuBytes = _linkMtuBytes,
        DatagramBytes = DatagramBytes,
        UsesMulticast = _settings.UseMulticast,
        SecondAddress = _second?.Own.ToString(),
        SecondPathErrno = _second?.Counters.LastSendErrno ?? 0,
        Sealed = _settings.Sealed,
        StartUpTest = StartUpTest,
        LinkCarries = _link.Carries,
        CarrierLosses = _link.CarrierLosses,
        SendMethod = _sender.Method,
        WhyNotSegmented = _sender.WhyNotSegmented,
        ReceiveOffload = (_groupReceiver ?? _unicastReceiver).Coalesces,
        AskedBufferBytes = _settings.SocketBufferBytes,
        ReceiveBufferBytes = _dataSockets.ReceiveBufferBytes,
        SendBufferBytes = _dataSockets.SendBufferBytes,
        ReceiveDrops = _dataSockets.ReceiveDrops,
        MemoryBytes = _engine.MemoryBytes,
        Transport = _counters,
        Protocol = MulticastStatus.Read(_engine.Counters),
        Heartbeats = new HeartbeatStatus
        {
            Sent = _heartbeats.Sent,
            Received = _heartbeats.Received,
            Withheld = _heartbeats.Withheld,
            Skipped = _heartbeats.Skipped,
            RingOverruns = _heartbeats.Ring.Overruns,
            ReceiveDrops = _heartbeatSockets.ReceiveDrops,
            Lateness = _heartbeats.Lateness,
            Hanging = _heartbeats.Progress.Hanging,
            WhyNotRealtime = _heartbeats.WhyNotRealtime,
            WhyNotLocked = _whyNotLocked,
        },
        Members = [.. _engine.Members.Select(member => new MulticastMemberStatus(member, _engine.PublishedThrough, _loop.Now))],
        Refusal = IsRefused ? GroupWarnings.Describe(_engine.LastRefusal!, _settings) : null,
        Troubles = ReadTroubles(),
    };

    /// <summary>What keeps nodes apart now. Allocates only when there is something.</summary>
    public IReadOnlyList<GroupTrouble> ReadTroubles() => GroupTroubles.Find(_engine, _settings, _loop.Now);

    /// <summary>Leaves the group and frees everything. On the loop thread, or while the loop does not run.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        Leave();
        _disposed = true;
        _loop.Remove(this);
        _loop.Remove(_closer);
        _loop.Unregister(_unicastReceiver.Descriptor);
        if (_groupReceiver is not null) _loop.Unregister(_groupReceiver.Descriptor);
        _link.Dispose();
        _heartbeats.Dispose();
        _second?.Dispose();
        _unicastReceiver.Dispose();
        _groupReceiver?.Dispose();
        _sender.Dispose();
        _engine.Dispose();
        _dataSockets.Dispose();
        _heartbeatSockets.Dispose();
    }

    /// <summary>Takes heartbeats over and runs timers; what was produced leaves when the round closes.</summary>
    void IRoundHandler.OnRoundEnd(Timestamp now)
    {
        // A tick that comes late must not suspect those whose heartbeats lie unread (ARCHITECTURE section 4, membership).
        if (now - _lastRound > _settings.Heartbeat * 2)
        {
            _heartbeats.DrainNow();
            _unicastReceiver.Receive();
            _groupReceiver?.Receive();
        }
        _lastRound = now;
        _sender.IsSilent = _heartbeats.Progress.HangsBesideLoop;
        TakeHeartbeats(now);
        if (_engine.NextDeadline <= now)
        {
            var sink = new GroupSink(_sender);
            _engine.OnTick(now, _loop.WallMilliseconds, ref sink);
        }
    }

    internal void OnWritable()
    {
        _sender.OnWritable();
        if (!_refused || _sender.IsCongested) return;
        _refused = false;
        _handler.OnWindowOpen();
    }

    internal void EndReceiveBatch()
    {
        var sink = new GroupSink(_sender);
        _engine.EndReceiveBatch(_loop.Now, ref sink);
    }

    private void TakeHeartbeats(Timestamp now)
    {
        var sink = new GroupSink(_sender);
        bool any = false;
        // At most what the ring holds: new ones may come in while these are opened.
        for (int i = 0; i < HeartbeatRing.Slots && _heartbeats.Ring.TryPeek(out Timestamp received, out NativeAddress source, out byte path, out Span<byte> datagram); i++)
        {
            IPEndPoint sender = _sources.Find(ref source);
            _engine.OnDatagram(Timestamp.Min(received, now), _loop.WallMilliseconds, datagram, sender, (ReceivePath)path, ref sink);
            _heartbeats.Ring.Advance();
            any = true;
        }
        if (any) _engine.EndReceiveBatch(now, ref sink);
    }

    private void OnLinkChanged(LinkState state)
    {
        _linkMtuBytes = state.MtuBytes;
        if (state.Carries)
        {
            _dataSockets.Rejoin(_interface);
            _heartbeatSockets.Rejoin(_interface);
        }
        _engine.OnLinkChanged(_loop.Now, state.Carries);
    }

    private EngineOptions BuildOptions()
    {
        var defaults = new EngineOptions { GroupName = _settings.Name };
        int receiveWindow = SocketWindow.Datagrams(_dataSockets.ReceiveBufferBytes, DatagramBytes);
        return defaults with
        {
            Keys = _settings.Keys,
            Security = _settings.Sealed ? GroupSecurity.Sealed : GroupSecurity.None,
            Transport = _settings.UseMulticast ? GroupTransport.Multicast : GroupTransport.Unicast,
            Peers = _settings.UseMulticast ? [] : UnicastPeers.Of(_settings, _dataSockets),
            DatagramBytes = DatagramBytes,
            MaxMessageBytes = _settings.MaxMessageBytes,
            WindowDatagrams = (int)Math.Max(64, _settings.WindowBytes / DatagramBytes),
            ReceiveWindowDatagrams = receiveWindow,
            RetainedDatagrams = Math.Max(defaults.RetainedDatagrams, 2 * receiveWindow),
            RunDatagrams = Math.Min(Udp.MaxSegments, Udp.MaxPayloadBytes / DatagramBytes),
            FlushDelay = _settings.FlushDelay,
            ReorderDelay = _settings.ReorderDelay,
            Heartbeat = _settings.Heartbeat,
            DeadAfter = _settings.DeadAfter,
            ProbeInterval = defaults.ProbeInterval < _settings.DeadAfter / 4 ? defaults.ProbeInterval : _settings.DeadAfter / 4,
            LagTimeout = defaults.LagTimeout > _settings.Heartbeat ? defaults.LagTimeout : _settings.Heartbeat,
            PacingBytesPerSecond = _settings.PacingBytesPerSecond,
        };
    }

    private static EngineIdentity BuildIdentity(GroupSettings settings)
    {
        Span<byte> random = stackalloc byte[32];
        RandomNumberGenerator.Fill(random);
        return new EngineIdentity
        {
            Name = settings.NodeName,
            Incarnation = settings.Incarnation,
            Role = settings.Role,
            Salt = BinaryPrimitives.ReadUInt128BigEndian(random),
            Nonce = BinaryPrimitives.ReadUInt64BigEndian(random[16..]),
            RandomSeed = BinaryPrimitives.ReadUInt64BigEndian(random[24..]),
            SynchronisationEndPoint = settings.SynchronisationEndPoint,
        };
    }

    private static string? LockMemory(GroupSettings settings)
    {
        if (!settings.LockMemory) return "not asked for";
        int errno = Scheduling.LockMemory();
        return errno == 0 ? null : $"mlockall refused: {Errno.Name(errno)}; allow it with CAP_IPC_LOCK or LimitMEMLOCK=infinity";
    }

    /// <summary>Gives received datagrams to the engine.</summary>
    internal readonly struct DatagramHandler(MulticastGroup group, ReceivePath path) : IDatagramHandler
    {
        public void OnDatagram(Span<byte> datagram, ref NativeAddress source)
        {
            if (datagram.IsEmpty)
            {
                group._counters.ProbesIgnored++;
                return;
            }
            if (source.Equals(group._dataSockets.Own))
            {
                group._counters.OwnDatagramsIgnored++;
                return;
            }
            var sink = new GroupSink(group._sender);
            group._engine.OnDatagram(group._loop.Now, group._loop.WallMilliseconds, datagram, group._sources.Find(ref source), path, ref sink);
        }
    }

    /// <summary>Sends what the round has packed, after everyone else has acted.</summary>
    private sealed class RoundCloser(MulticastGroup group) : IRoundHandler
    {
        public Timestamp NextDeadline => Timestamp.Never;

        public void OnRoundEnd(Timestamp now) => group.Flush();
    }
}
