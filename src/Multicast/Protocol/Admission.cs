using System.Net;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Who is let in: JOIN, SETUP, lives of a node, wire versions. Rules P-30 to P-39.</summary>
internal sealed class Admission
{
    private const int FastJoins = 20;
    private const int MaxSetupAttempts = 20;
    private static readonly TimeSpan RefusalSpacing = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan ForgetJoinerAfter = TimeSpan.FromSeconds(5);
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private readonly StreamSender _sender;
    private readonly FlowControl _flow;
    private readonly Membership _membership;
    private readonly byte[] _opened;
    private Timestamp _joinAt = new(0);
    private Timestamp _refusalAt = new(long.MinValue / 2);
    private int _joins;

    public Admission(EngineContext context, PeerTable peers, StreamSender sender, FlowControl flow, Membership membership, byte[] opened)
    {
        _context = context;
        _peers = peers;
        _sender = sender;
        _flow = flow;
        _membership = membership;
        _opened = opened;
    }

    /// <summary>The newest refusal of this node; null when nobody refused it, or who did let it in later.</summary>
    public JoinRefusal? LastRefusal { get; private set; }

    /// <summary>When to act next.</summary>
    public Timestamp Deadline { get; private set; } = new(0);

    /// <summary>Announces this node soon, e.g. because the link is back.</summary>
    public void Hurry() => Deadline = _joinAt = new Timestamp(0);

    /// <summary>Handles an authentic JOIN.</summary>
    public DropReason OnJoin<TSink>(Timestamp now, in DatagramHeader header, in IntroductionView introduction, IPEndPoint source, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        var drop = Resolve(now, header, introduction, source, out var peer, out var refusal, ref sink);
        if (peer is null)
        {
            if (refusal.Reason != RefusalReason.None) SendRefusal(now, header, introduction.Nonce, source, refusal, ref sink);
            return drop;
        }
        peer.Admission.IntroducedAt = now;
        peer.Admission.Attempts = 0;
        if ((!peer.Admitted || !peer.KnowsUs) && peer.Admission.SetupAt <= now) SendSetup(now, peer, ref sink);
        return DropReason.None;
    }

    /// <summary>Handles an authentic SETUP for this node.</summary>
    public DropReason OnSetup<TSink>(Timestamp now, in DatagramHeader header, in SetupView setup, IPEndPoint source, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        if (setup.NonceEcho != _context.Identity.Nonce) return DropReason.NonceMismatch;                       // P-31
        if (setup.Status != RefusalReason.None)
        {
            _context.Counters.RefusalsReceived++;
            var since = LastRefusal is { } last && last.Reason == setup.Status && now - last.At <= RefusedTraffic.EndsAfter ? last.Since : now;
            LastRefusal = new JoinRefusal(setup.Status, header.Node, setup.KnownIncarnation, setup.KnownEndPoint ?? (header.Node == _context.Self ? source : null), since, now);
            return DropReason.None;
        }
        if (LastRefusal?.By == header.Node) LastRefusal = null;                                                // it let us in after all
        var drop = Resolve(now, header, setup.Introduction, source, out var peer, out _, ref sink);
        if (peer is null) return drop;
        peer.Admission.IntroducedAt = now;
        bool first = !peer.Admitted;
        if (first) Admit(now, peer, setup.Position);
        if (setup.WantsSetup && (first || peer.Admission.SetupAt <= now)) SendSetup(now, peer, ref sink);
        return DropReason.None;
    }

    /// <summary>An authentic JOIN of this node's own id from another life: a clone, or what is left of an earlier one (P-35).</summary>
    public void OnOwnIdFromElsewhere<TSink>(Timestamp now, in DatagramHeader header, in IntroductionView introduction, IPEndPoint source, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        _context.Counters.ClonesSeen++;
        SendRefusal(now, header, introduction.Nonce, source, new Refusal(RefusalReason.NodeAlive, _context.Identity.Incarnation, null), ref sink);
    }

    /// <summary>Announces this node, repeats unanswered SETUPs, forgets joiners that never came.</summary>
    public void OnTick<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        if (now < Deadline) return;
        var options = _context.Options;
        if (now >= _joinAt)
        {
            SendJoin(ref sink);
            var interval = _joins++ < FastJoins ? options.FastJoinInterval : options.JoinInterval;
            _joinAt = now + interval + _context.Random.NextSpan(interval / 8);
        }
        var deadline = _joinAt;
        for (int i = _peers.All.Count - 1; i >= 0; i--)
        {
            var peer = _peers.All[i];
            if (!peer.Admitted && now - peer.Admission.IntroducedAt > ForgetJoinerAfter)
            {
                _membership.Remove(peer);
                UpdateWireVersion();
                continue;
            }
            if (peer.Leaving || peer.Member.State == MemberState.Suspected || (peer.Admitted && peer.KnowsUs)) continue;
            if (peer.Admission.SetupAt <= now && (peer.Admitted || peer.Admission.Attempts < MaxSetupAttempts)) SendSetup(now, peer, ref sink);
            deadline = Timestamp.Min(deadline, Timestamp.Max(peer.Admission.SetupAt, now + TimeSpan.FromMilliseconds(1)));
        }
        Deadline = deadline;
    }

    /// <summary>Writes the lowest of all highest versions from now on (P-32).</summary>
    public void UpdateWireVersion()
    {
        byte version = _context.Options.MaxWireVersion;
        foreach (var peer in _peers.All) version = Math.Min(version, peer.MaxVersion);
        _context.WireVersion = version;
    }

    private void Admit(Timestamp now, Peer peer, ulong position)
    {
        peer.Receiver = new StreamReceiver(_context, peer, position, _opened, now);
        peer.Member.State = MemberState.Live;
        _context.Counters.Admissions++;
        _membership.Begin(now, peer);
        _flow.Begin(peer, _context.Judging(now));
        peer.Schedule.Hurry(now);
        _context.Handler.OnMemberChanged(peer.Member, MemberChange.Joined);
        peer.Receiver.BeginAt(position);
    }

    /// <summary>Finds or adds the life that a JOIN or SETUP speaks of; null with a reason when it is not let in.</summary>
    private DropReason Resolve<TSink>(Timestamp now, in DatagramHeader header, in IntroductionView introduction, IPEndPoint source, out Peer? peer, out Refusal refusal, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        refusal = default;
        peer = _peers.Find(header.Node);
        if (peer is not null && (peer.Incarnation != header.Incarnation || peer.Salt != header.Salt))
        {
            var (drop, reason) = JudgeOtherLife(now, peer, header, introduction);
            if (drop != DropReason.None)
            {
                refusal = new Refusal(reason, peer.Incarnation, peer.EndPoint);
                peer = null;
                return drop;
            }
            _membership.Remove(peer);
            UpdateWireVersion();
            peer = null;
        }
        if (peer is not null)
        {
            if (!peer.EndPoint.Equals(source)) peer.EndPoint = source;
            return DropReason.None;
        }
        if (_peers.Departed.Contains(header.Node, header.Incarnation))
        {
            refusal = new Refusal(RefusalReason.StaleIncarnation, header.Incarnation, null);                   // P-34
            return DropReason.StaleIncarnation;
        }
        var refused = JudgeNewcomer(now, introduction);
        if (refused != RefusalReason.None)
        {
            refusal = new Refusal(refused, 0, null);
            return refused == RefusalReason.GroupFull ? DropReason.Overload : DropReason.Incompatible;
        }
        peer = _peers.Add(header.Node, header.Incarnation, header.Salt, introduction, source);
        _context.Counters.ExtensionsIgnored += introduction.IgnoredExtensions;
        UpdateWireVersion();
        peer.Admission.SetupAt = now;
        Deadline = Timestamp.Min(Deadline, now + _context.Options.FastJoinInterval);
        return DropReason.None;
    }

    /// <summary>A new life is let in once the old one is silent and its stream was completed as far as anybody can (P-33, P-34).</summary>
    private (DropReason Drop, RefusalReason Reason) JudgeOtherLife(Timestamp now, Peer known, in DatagramHeader header, in IntroductionView introduction)
    {
        if (!introduction.NameBytes.SequenceEqual(System.Text.Encoding.ASCII.GetBytes(known.Member.Name))) return (DropReason.NodeConflict, RefusalReason.NameClash);
        if (header.Incarnation < known.Incarnation) return (DropReason.StaleIncarnation, RefusalReason.StaleIncarnation);
        if (!known.Admitted) return header.Incarnation > known.Incarnation ? (DropReason.None, RefusalReason.None) : (DropReason.NodeAlive, RefusalReason.NodeAlive);
        var lost = _context.Judging(now) - known.LostAt;
        bool silent = known.Orphaned && lost >= _context.Options.Heartbeat * 3 && (known.Receiver!.IsComplete || lost >= _context.Options.GiveUpAfter);
        if (!silent)
        {
            _context.Counters.ClonesSeen++;
            return (DropReason.NodeAlive, RefusalReason.NodeAlive);
        }
        return header.Incarnation > known.Incarnation ? (DropReason.None, RefusalReason.None) : (DropReason.StaleIncarnation, RefusalReason.StaleIncarnation);
    }

    private RefusalReason JudgeNewcomer(Timestamp now, in IntroductionView introduction)
    {
        var options = _context.Options;
        if (NodeId.FromName(_context.Identity.Name) == NodeId.FromName(introduction.Name)) return RefusalReason.NodeAlive;
        if (introduction.HasUnknownCritical || introduction.MinVersion > options.MaxWireVersion || introduction.MaxVersion < options.MinWireVersion) return RefusalReason.WireVersion;
        if (introduction.DatagramBytes != options.DatagramBytes || introduction.MaxMessageBytes != options.MaxMessageBytes) return RefusalReason.SettingsDiffer;
        return _peers.IsFull && !TryEvict(now) ? RefusalReason.GroupFull : RefusalReason.None;
    }

    /// <summary>Makes room by forgetting a joiner that fell silent, or the member that is lost for the longest time.</summary>
    private bool TryEvict(Timestamp now)
    {
        Peer? oldest = null;
        foreach (var peer in _peers.All)
        {
            if (!peer.Admitted && now - peer.Admission.IntroducedAt > _context.Options.JoinInterval * 2)
            {
                _membership.Remove(peer);
                return true;
            }
            if (peer.Orphaned && (oldest is null || peer.LostAt < oldest.LostAt)) oldest = peer;
        }
        if (oldest is null) return false;
        _membership.Remove(oldest);
        return true;
    }

    private void SendJoin<TSink>(ref TSink sink) where TSink : struct, IEngineSink
    {
        var control = _context.Control;
        var datagram = control.Finish(DatagramType.Join, IntroductionView.Write(control.Body(DatagramType.Join), _context.Introduction));
        control.SendToGroup(datagram, _peers, ref sink);
        if (_context.Options.Transport == GroupTransport.Multicast)
        {
            foreach (var peer in _context.Options.Peers) sink.SendTo(peer, datagram);
        }
        _context.Counters.JoinsSent++;
    }

    private void SendSetup<TSink>(Timestamp now, Peer peer, ref TSink sink) where TSink : struct, IEngineSink
    {
        ref var state = ref peer.Admission;
        if (state.PromisedPosition == 0 || state.PromisedPosition < _sender.Oldest) state.PromisedPosition = _sender.Position;
        state.SetupAt = now + (state.Attempts++ < MaxSetupAttempts ? _context.Options.FastJoinInterval : _context.Options.JoinInterval);
        Deadline = Timestamp.Min(Deadline, state.SetupAt);
        var control = _context.Control;
        int length = SetupView.Write(control.Body(DatagramType.Setup), peer.Node, peer.Incarnation, peer.Nonce, state.PromisedPosition, RefusalReason.None,
            wantsSetup: !peer.Admitted, 0, null, _context.Introduction);
        control.Send(peer, control.Finish(DatagramType.Setup, length), ref sink);
        _context.Counters.SetupsSent++;
    }

    private void SendRefusal<TSink>(Timestamp now, in DatagramHeader header, ulong nonce, IPEndPoint source, in Refusal refusal, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        if (now - _refusalAt < RefusalSpacing) return;
        _refusalAt = now;
        var control = _context.Control;
        int length = SetupView.Write(control.Body(DatagramType.Setup), header.Node, header.Incarnation, nonce, 1, refusal.Reason, wantsSetup: false,
            refusal.Incarnation, refusal.Address, _context.Introduction);
        sink.SendTo(source, control.Finish(DatagramType.Setup, length));
        _context.Counters.RefusalsSent++;
    }

    private readonly record struct Refusal(RefusalReason Reason, ulong Incarnation, IPEndPoint? Address);
}
