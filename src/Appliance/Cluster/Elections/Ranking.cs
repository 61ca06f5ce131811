using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>Who should be a service's primary, among those that are heard: every node comes to the same order, so that the first to stand nearly always wins.</summary>
internal sealed class Ranking
{
    private readonly ElectionContext _context;
    private readonly ServiceState _state;
    private readonly Voter _voter;

    internal Ranking(ElectionContext context, ServiceState state, Voter voter)
    {
        _context = context;
        _state = state;
        _voter = voter;
        Stagger = context.Options.DeadAfter / 4;
    }

    /// <summary>The next in rank stands so much later: longer than a round trip and the writing of two votes.</summary>
    internal TimeSpan Stagger { get; }

    /// <summary>How many others go before this node.</summary>
    /// <param name="supports">Who may stand.</param>
    internal int OfSelf(ushort supports)
    {
        Key own = KeyOfSelf();
        int rank = 0;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
            if ((supports >> slot & 1) != 0 && _context.FreshAt(slot) is { } peer && peer.Node != _voter.ReleasedBy && KeyOf(peer).GoesBefore(own)) rank++;
        return rank;
    }

    /// <summary>Voters that would vote for this node now, and would hear it.</summary>
    internal int Supporters()
    {
        int supporters = 1;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
        {
            if ((_context.View.Voters >> slot & 1) == 0 || _context.FreshAt(slot) is not { } peer) continue;
            if (!peer.HearsUs(_context.Now, _context.Options.DeadAfter)) continue;
            if ((peer[_state.Index].Supports >> _context.SelfSlot & 1) != 0) supporters++;
        }
        return supporters;
    }

    /// <summary>To whom the primary should hand the service over, and why; <see cref="NodeId.None"/>: nobody.</summary>
    internal NodeId WantedPrimary(out HandOverReason why)
    {
        why = !_state.Healthy ? HandOverReason.Unhealthy : _state.Drained ? HandOverReason.Drained : Astray() != NodeId.None ? HandOverReason.LaterTerm : HandOverReason.HigherPriority;
        ElectionPeer? best = null;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
        {
            if (WhyNot(slot) is not null) continue;
            ElectionPeer peer = _context.PeerAt(slot)!;
            if (best is null || KeyOf(peer).GoesBefore(KeyOf(best))) best = peer;
        }
        if (best is null) return NodeId.None;
        ref readonly ServiceSection section = ref best[_state.Index];
        bool isBetter = WhyUnfit(section.Flags) is null;
        if (why != HandOverReason.HigherPriority) return isBetter ? best.Node : NodeId.None;
        return isBetter && _state.Options.Preempt && section.Priority > _state.Options.Priority ? best.Node : NodeId.None;
    }

    /// <summary>As primary: a voter that has voted in a later term, for one who did not win it, and so does not follow this node although each hears the other; <see cref="NodeId.None"/>: there is none.</summary>
    internal NodeId Astray()
    {
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
        {
            if ((_context.View.Voters >> slot & 1) == 0 || _context.FreshAt(slot) is not { } peer) continue;
            if (peer[_state.Index].Term > _state.Term && peer.HearsUs(_context.Now, _context.Options.DeadAfter)) return peer.Node;
        }
        return NodeId.None;
    }

    /// <summary>Why a slot cannot take the service over now; null when it can.</summary>
    internal string? WhyNot(int slot)
    {
        if (slot < 0 || (_context.View.Data >> slot & 1) == 0) return "it is no data member of the group";
        if (slot == _context.SelfSlot) return "it is the primary already";
        if (_context.FreshAt(slot) is not { } peer) return "it is not heard";
        string? abstains = (peer[_state.Index].Flags & SectionFlags.Abstains) != 0 ? "it started less than dead-after ago and may not be elected yet" : null;
        if (!_state.Options.HoldsState) return abstains;
        if ((peer[_state.Index].Flags & SectionFlags.Recovering) != 0) return "it does not hold the state yet";
        if (!_state.Set.Contains(slot)) return "it is not in the synchronised set";
        if ((_state.Committed >> slot & 1) == 0) return "it is not in the committed synchronised set yet"; // its voters may know only the one without it
        bool knows = peer[_state.Index].Set.Contains(slot) && !_state.MemberSince(slot).IsNewerThan(peer[_state.Index].Set);
        return knows ? abstains : "it has not stored yet that it is in the synchronised set"; // it may take itself for one of those outside: election seeds 4028, 5530, 10167
    }

    /// <summary>Why a member that says this should not have the service; null when it may.</summary>
    internal static string? WhyUnfit(SectionFlags flags) =>
        (flags & SectionFlags.Healthy) == 0 ? "is not healthy any more" : (flags & SectionFlags.Drained) != 0 ? "is drained" : null;

    private Key KeyOfSelf()
    {
        int claims = 0;
        for (int i = 0; i < _context.SectionCount - 1; i++)
            if (i != _state.Index && _context.RoleOf(i) != ElectionRole.None) claims++;
        return new Key(_state.Healthy, _state.Drained, _state.Recovering, PositionOf(_state.Position), _state.Options.Priority, _state.Options.Preferred == _context.Self, claims, _context.SelfSlot);
    }

    private Key KeyOf(ElectionPeer peer)
    {
        ref readonly ServiceSection section = ref peer[_state.Index];
        return new Key((section.Flags & SectionFlags.Healthy) != 0, (section.Flags & SectionFlags.Drained) != 0, (section.Flags & SectionFlags.Recovering) != 0,
            PositionOf(section.Position), section.Priority, _state.Options.Preferred == peer.Node, peer.ClaimsBeside(_state.Index), peer.Slot);
    }

    // Among those in the synchronised set every one comes to all that was acknowledged, by collecting; without it, who has more goes first.
    private ulong PositionOf(ulong position) => _voter.Eligible(out ElectionKind kind) != 0 && kind != ElectionKind.Ordinary ? position : 0;

    private readonly record struct Key(bool Healthy, bool Drained, bool Recovering, ulong Position, byte Priority, bool Preferred, int Claims, int Slot)
    {
        internal bool GoesBefore(in Key other)
        {
            if (Recovering != other.Recovering) return other.Recovering;
            if (Healthy != other.Healthy) return Healthy;
            if (Drained != other.Drained) return other.Drained;
            if (Position != other.Position) return Position > other.Position;
            if (Priority != other.Priority) return Priority > other.Priority;
            if (Preferred != other.Preferred) return Preferred;
            return Claims != other.Claims ? Claims < other.Claims : Slot < other.Slot;
        }
    }
}
