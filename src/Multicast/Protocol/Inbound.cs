using System.Net;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Where datagrams go once they are opened.</summary>
internal sealed record InboundParts(Admission Admission, Membership Membership, Beats Beats, FlowControl Flow, RepairService Repairs, OrphanRepair Orphans,
    Reporter Reporter, Departure Departure);

/// <summary>Checks every datagram once, in the order of what the checks cost, opens it and hands it on. Rules P-01 to P-09 and P-13 to P-15.</summary>
internal sealed class Inbound
{
    private const int IntroductionsPerTick = 64;
    private static readonly TimeSpan IntroductionTick = TimeSpan.FromMilliseconds(10);
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private readonly InboundParts _parts;
    private readonly byte[] _opened;
    private Timestamp _introductionsSince;
    private int _introductions;

    public Inbound(EngineContext context, PeerTable peers, byte[] opened, InboundParts parts)
    {
        _context = context;
        _peers = peers;
        _opened = opened;
        _parts = parts;
    }

    /// <summary>Handles one datagram.</summary>
    /// <returns>Why it had no effect.</returns>
    public DropReason Handle<TSink>(Timestamp now, long wallMilliseconds, ReadOnlySpan<byte> datagram, IPEndPoint source, ReceivePath path, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        _context.Counters.DatagramsReceived++;
        var reason = DatagramPrefix.TryParse(datagram, out var prefix);
        if (reason != DropReason.None) return reason;
        if (prefix.Group != _context.Group) return DropReason.ForeignGroup;
        bool wrapped = prefix.Type == DatagramType.Repair;
        if (!IsKnown(prefix.Type))                                                                             // P-04
        {
            if ((prefix.Flags & DatagramFlags.Ignorable) == 0) return DropReason.UnknownCriticalType;
            _context.Counters.UnknownIgnored++;
            return DropReason.None;
        }
        if (!Speaks(prefix.Version, prefix.Type)) return DropReason.WireVersion;
        if (path == ReceivePath.Second && prefix.Type != DatagramType.Heartbeat) return DropReason.Malformed;
        reason = DatagramHeader.TryParse(wrapped ? datagram[DatagramHeader.PrefixBytes..] : datagram, out var header);
        if (reason != DropReason.None) return reason;
        if (wrapped && (header.Type != DatagramType.Data || header.Group != _context.Group || !Speaks(header.Version, header.Type))) return DropReason.Malformed;
        bool isSealed = (header.Flags & DatagramFlags.Sealed) != 0;
        if (isSealed != (_context.Options.Security == GroupSecurity.Sealed)) return DropReason.SecurityMismatch;
        if (header.Sealed.Length > _opened.Length) return DropReason.Malformed;
        bool introduction = header.Type is DatagramType.Join or DatagramType.Setup;
        if (header.Node == _context.Self && header.Incarnation == _context.Identity.Incarnation && (!introduction || header.Salt == _context.Identity.Salt))
        {
            _context.Counters.OwnDatagrams++;
            return DropReason.None;
        }
        if (introduction) return OnIntroduction(now, header, source, path, ref sink);
        var peer = _peers.Find(header.Node);
        if (peer is null || !peer.Admitted) return DropReason.UnknownStream;
        if (peer.Incarnation != header.Incarnation) return header.Incarnation < peer.Incarnation ? DropReason.StaleIncarnation : DropReason.UnknownStream;
        var cipher = isSealed ? peer.Cipher(header.KeyId) : null;
        if (isSealed && cipher is null) return DropReason.UnknownKey;
        if (header.Type == DatagramType.Data) return OnData(now, peer, header, cipher, wrapped, path);
        return OnControl(now, wallMilliseconds, peer, header, cipher, source, path, ref sink);
    }

    private static bool IsKnown(DatagramType type) => type is >= DatagramType.Data and <= DatagramType.Leave
#if WIRE_VERSION_NEXT
        or DatagramType.Note
#endif
        ;

    private bool Speaks(byte version, DatagramType type) => type is DatagramType.Join or DatagramType.Setup
        ? version == DatagramHeader.HandshakeVersion
        : version >= _context.Options.MinWireVersion && version <= _context.Options.MaxWireVersion;

    private DropReason OnData(Timestamp now, Peer peer, in DatagramHeader header, StreamCipher? cipher, bool wrapped, ReceivePath path)
    {
        var receiver = peer.Receiver!;
        ulong before = receiver.Contiguous;
        var reason = receiver.OnData(now, header, cipher);
        if (reason == DropReason.Replayed)
        {
            _context.Counters.Duplicates++;
            if (wrapped) _parts.Orphans.OnOverheard(peer, header.Counter, header.Datagram);
            return DropReason.None;
        }
        if (reason != DropReason.None) return reason;
        peer.Schedule.DatagramsSinceReport++;
        _context.Counters.DataDatagramsReceived++;
        if (wrapped) _context.Counters.RepairsReceived++;
        else _parts.Membership.OnHeard(now, peer, path);                       // a REPAIR may come from anybody: P-81
        if (receiver.Contiguous != before) _parts.Reporter.OnProgress(now, peer);
        return DropReason.None;
    }

    private DropReason OnControl<TSink>(Timestamp now, long wallMilliseconds, Peer peer, in DatagramHeader header, StreamCipher? cipher, IPEndPoint source, ReceivePath path,
        ref TSink sink) where TSink : struct, IEngineSink
    {
        ref var window = ref header.Type == DatagramType.Heartbeat ? ref peer.BeatWindow : ref peer.ControlWindow;
        if (!window.IsNew(header.Counter)) return DropReason.Replayed;
        if (!TryOpen(header, cipher, out var body)) return DropReason.NotAuthentic;
        window.Accept(header.Counter);
        if (path == ReceivePath.Second) return OnSecondPath(now, peer, body);
        _parts.Membership.OnHeard(now, peer, path);
        if (path != ReceivePath.Heartbeat && !ReferenceEquals(peer.EndPoint, source) && !peer.EndPoint.Equals(source)) peer.EndPoint = source;
        DropReason reason;
        switch (header.Type)
        {
            case DatagramType.Report:
                reason = ReportView.TryParse(body, out var report);
                if (reason == DropReason.None) OnReport(now, peer, header.Counter, report, ref sink);
                return reason;
            case DatagramType.Heartbeat:
            case DatagramType.Probe:
                reason = BeatView.TryParse(body, out var beat);
                bool inOrder = header.Type == DatagramType.Probe && (path == ReceivePath.Group || _context.Options.Transport == GroupTransport.Unicast);
                if (reason == DropReason.None) _parts.Beats.OnBeat(now, wallMilliseconds, peer, beat, inOrder);
                return reason;
            case DatagramType.Gone:
                reason = GoneView.TryParse(body, out var gone);
                if (reason != DropReason.None || gone.ReceiverNode != _context.Self || gone.ReceiverIncarnation != _context.Identity.Incarnation) return reason;
                _context.Counters.GoneReceived++;
                peer.Receiver!.GiveUpBelow(gone.Oldest, gone.Ejected ? GapReason.Ejected : GapReason.Gone);
                return reason;
            case DatagramType.Leave:
                reason = LeaveView.TryParse(body, out var leave);
                if (reason == DropReason.None) _parts.Membership.OnLeave(now, peer, leave.Highest);
                return reason;
            default:                                       // NOTE: nothing to do
                return DropReason.None;
        }
    }

    private DropReason OnSecondPath(Timestamp now, Peer peer, ReadOnlySpan<byte> body)
    {
        var reason = BeatView.TryParse(body, out var beat);
        if (reason == DropReason.None) _parts.Beats.OnSecondPath(now, peer, beat);
        return reason;
    }

    private void OnReport<TSink>(Timestamp now, Peer reporter, ulong counter, in ReportView report, ref TSink sink) where TSink : struct, IEngineSink
    {
        _context.Counters.ReportsReceived++;
        _parts.Membership.OnState(reporter, report.StateNumber, (report.Flags & ReportFlags.Synchronised) != 0);
        if (report.StreamNode == _context.Self)
        {
            if (report.StreamIncarnation != _context.Identity.Incarnation) return;
            bool newest = counter > reporter.View.ReportCounter;
            reporter.KnowsUs = true;
            _parts.Flow.OnReport(_context.Judging(now), reporter, report, newest);
            if (!newest) return;
            reporter.View.ReportCounter = counter;
            _parts.Repairs.OnReport(now, reporter, report, ref sink);
            return;
        }
        if (_peers.Find(report.StreamNode, report.StreamIncarnation) is not { Admitted: true } stream) return;
        _parts.Reporter.OnOverheard(now, stream, report);
        _parts.Orphans.OnReport(now, reporter, stream, report);
    }

    private DropReason OnIntroduction<TSink>(Timestamp now, in DatagramHeader header, IPEndPoint source, ReceivePath path, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        if (path == ReceivePath.Heartbeat || _parts.Departure.HasBegun) return DropReason.None;
        var known = _peers.Find(header.Node, header.Incarnation);
        bool isKnown = known is not null && known.Salt == header.Salt;
        if (isKnown && !known!.ControlWindow.IsNew(header.Counter)) return DropReason.Replayed;               // or a stranger's address became the peer's
        // To open a stranger's introduction takes a key derivation: their number per time is bounded (P-39).
        if (now - _introductionsSince >= IntroductionTick) (_introductionsSince, _introductions) = (now, 0);
        if (!isKnown && ++_introductions > IntroductionsPerTick) return DropReason.Overload;
        bool isSealed = _context.Options.Security == GroupSecurity.Sealed;
        var cipher = !isSealed ? null : isKnown ? known!.Cipher(header.KeyId) : _context.Keys.Derive(header.KeyId, header.Node, header.Incarnation, header.Salt);
        if (isSealed && cipher is null) return DropReason.UnknownKey;
        bool authentic = TryOpen(header, cipher, out var body);
        if (!isKnown) cipher?.Dispose();
        if (!authentic) return DropReason.NotAuthentic;
        if (isKnown) known!.ControlWindow.Accept(header.Counter);
        if (header.Type == DatagramType.Setup) return OnSetup(now, header, body, source, ref sink);
        var reason = IntroductionView.TryParse(body, out var introduction);
        if (reason != DropReason.None) return reason;
        if (header.Node != _context.Self) return _parts.Admission.OnJoin(now, header, introduction, source, ref sink);
        _parts.Admission.OnOwnIdFromElsewhere(now, header, introduction, source, ref sink);
        return DropReason.OwnIdElsewhere;
    }

    private DropReason OnSetup<TSink>(Timestamp now, in DatagramHeader header, ReadOnlySpan<byte> body, IPEndPoint source, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        var reason = SetupView.TryParse(body, out var setup);
        if (reason != DropReason.None) return reason;
        // A SETUP goes by multicast when unicast does not arrive: others overhear it.
        if (setup.TargetNode != _context.Self || setup.TargetIncarnation != _context.Identity.Incarnation) return DropReason.None;
        return _parts.Admission.OnSetup(now, header, setup, source, ref sink);
    }

    private bool TryOpen(in DatagramHeader header, StreamCipher? cipher, out ReadOnlySpan<byte> body)
    {
        body = header.Sealed;
        if (cipher is not null)
        {
            var opened = _opened.AsSpan(0, body.Length);
            if (!cipher.TryOpen(header.Datagram, header.ClearBytes, opened)) return false;
            body = opened;
        }
        body = body[..header.BodyBytes];
        return true;
    }
}
