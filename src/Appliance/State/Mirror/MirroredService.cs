using Appliance.Multicast;

namespace Appliance.State;

/// <summary>
/// One service on one node: its store, where it stands in the sequence of writes, and whether it is complete. Loop thread.
/// </summary>
/// <remarks>
/// <para><b>Position</b> is the newest write up to which nothing is missing. Sequences are dense, so a hole shows by itself, whatever the group says of its
/// streams. What comes after a hole is applied all the same (the newer version wins in any order) and remembered as the <b>live run</b>; when a snapshot reaches its
/// beginning, the position jumps to its end.</para>
/// <para>Only records that the <see cref="TermChain"/> covers are ever applied: nothing beyond a cut, nothing of a lower term after it (ARCHITECTURE 3).</para>
/// </remarks>
internal sealed partial class MirroredService : IServiceContext, IDisposable
{
    private readonly StateMirror _mirror;
    private readonly MirrorCounters _counters;
    private RecordVersion _liveFrom, _liveThrough;
    private RecordVersion _batchPosition;
    private bool _wasComplete;
    private ulong _acceptedTerm; // the current one, unless a higher one has been promised: then none
    private readonly ITermStore _terms;
    private readonly StateMirrorOptions _options;
    private readonly string _node;
    private readonly string? _configuredPrimary;
    private GroupMember? _primaryMember;
    private NodeId _writer;

    internal MirroredService(StateMirror mirror, MirroredServiceOptions options, StateMirrorOptions mirrorOptions, ClassPolicies policies, IGroup group, ITermStore terms)
    {
        _mirror = mirror;
        _counters = mirror.Counters;
        _terms = terms;
        Name = options.Name;
        PromisedTerm = SeenTerm = terms.ReadTerm(options.Name);
        Id = ServiceId.FromName(options.Name);
        _node = mirrorOptions.Node;
        _options = mirrorOptions;
        _configuredPrimary = PrimaryName = options.Primary;
        Publisher = new ServicePublisher(Id, group, policies, mirrorOptions.Limits.MaxRecordBytes);
        Store = new ServiceStore(this, Publisher, mirrorOptions.Hash, mirrorOptions.Limits);
        Shared = new SharedServiceState(Id, Store.Tables, mirrorOptions.Limits.MaxRecordBytes);
        Publisher.Shared = Shared;
        Floors = new FloorKeeper(this, mirror, mirrorOptions);
        Resync = new SecondaryResync(this, mirror, mirrorOptions);
        Takeover = new Takeover(this, mirror, mirrorOptions);
        HandOver = new HandOver(this, mirror, mirrorOptions);
        Synchronised = new SynchronisedMembers(this, mirror);
        Store.Memory.IsCollectionPaused = true;
    }

    /// <summary>Its number on the wire.</summary>
    internal ServiceId Id { get; }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string? PrimaryName { get; private set; }

    /// <inheritdoc/>
    public ServiceRole Role { get; private set; }

    /// <inheritdoc/>
    public ulong Term => Chain.CurrentTerm;

    /// <inheritdoc/>
    public long NowMilliseconds => _mirror.WallMilliseconds + (_primaryMember?.ClockOffsetMilliseconds ?? 0);

    /// <inheritdoc/>
    public TermChain? Discarding { get; private set; }

    /// <summary>The keys.</summary>
    internal ServiceStore Store { get; }

    /// <summary>Versions and acknowledgements of this node's own writes.</summary>
    internal ServicePublisher Publisher { get; }

    /// <summary>What serving threads see.</summary>
    internal SharedServiceState Shared { get; }

    /// <summary>Elections give it its primary, not the configuration.</summary>
    internal bool IsElected => _configuredPrimary is null;

    /// <summary>Keys that were removed and must be fetched again.</summary>
    internal Debt Debt { get; } = new();

    /// <summary>Brings a secondary into step.</summary>
    internal SecondaryResync Resync { get; }

    /// <summary>Makes this node the primary.</summary>
    internal Takeover Takeover { get; }

    /// <summary>Makes another node the primary.</summary>
    internal HandOver HandOver { get; }

    /// <summary>Who may be elected next.</summary>
    internal SynchronisedMembers Synchronised { get; }

    /// <summary>When <see cref="EndRound"/> has something to do beside tidying.</summary>
    internal Timestamp NextDeadline => Timestamp.Min(Timestamp.Min(Resync.NextDeadline, Takeover.NextDeadline), HandOver.NextDeadline);

    /// <summary>When tombstones may go.</summary>
    internal FloorKeeper Floors { get; }

    /// <summary>The terms.</summary>
    internal TermChain Chain { get; private set; } = TermChain.Empty;

    /// <summary>Nothing is missing up to here.</summary>
    internal RecordVersion Position { get; private set; }

    /// <summary>The newest version held.</summary>
    internal RecordVersion Highest { get; private set; }

    /// <summary>Position and stream are in step: this node may serve others and counts for acknowledgements.</summary>
    internal bool IsComplete { get; private set; }

    /// <summary>
    /// What certainly belongs to the newest term's history: of earlier terms only what lies up to the position at which this node heard of it. After a hole it may hold writes before the cut that the
    /// new primary could collect from nobody; if they stayed, this member would for ever differ from the others.
    /// </summary>
    internal TermChain Kept { get; private set; } = TermChain.Empty;

    /// <summary>Something that is not <see cref="Kept"/> may be held: <see cref="DiscardWalk"/> must pass before anything else.</summary>
    internal bool NeedsDiscard { get; private set; }

    /// <summary>Changes with the chain: what a member sends by an older one must not be used.</summary>
    internal ulong ChainEpoch { get; private set; }

    /// <summary>Changes whenever something went missing: positions that were asked for before do not tell when it is there again.</summary>
    internal ulong GapEpoch { get; private set; }

    /// <summary>The newest term that a record was seen of; its cut may still be missing.</summary>
    internal ulong SeenTerm { get; private set; }

    /// <summary>Records of lower terms are refused: this node has told a primary to be of this term where it stands.</summary>
    internal ulong PromisedTerm { get; private set; }

    /// <summary>It was complete once in this life, and what it removed since is there again.</summary>
    internal bool Remembers => _wasComplete && Debt.IsEmpty;

    /// <summary>Memory does not suffice for what the service holds.</summary>
    internal bool CannotStore { get; private set; }

    /// <summary>Why the service is not complete, in words.</summary>
    internal string Why { get; private set; } = "just started";

    /// <summary>Takes over what another member knows of the terms. What the chain does not cover is hidden at once and must be discarded.</summary>
    internal void AdoptChain(TermChain chain)
    {
        if (chain.CurrentTerm <= Chain.CurrentTerm) return;
        UseChain(chain);
        _writer = default;
        _batchPosition = default;
        _liveFrom = _liveThrough = default;
        bool isBeyondCut = !chain.Covers(Highest) || !chain.Covers(Position);
        Position = chain.Clamp(Position);
        Kept = chain.Begin(chain.CurrentTerm, Position);
        if (Kept.Covers(Highest)) return;
        NeedsDiscard = true;
        if (isBeyondCut) Discarding = chain;
        MarkIncomplete(isBeyondCut
            ? $"term {chain.CurrentTerm} begins before what is held here ends ({Highest})"
            : $"term {chain.CurrentTerm} has begun, and of what is held here after {Position} its primary may have less");
    }

    /// <summary>What lay beyond the cut is gone.</summary>
    /// <param name="walk">What removed it.</param>
    /// <param name="chain">What it kept.</param>
    internal void OnDiscarded(DiscardWalk walk, TermChain chain)
    {
        Debt.Add(walk);
        if (!chain.Covers(Store.Memory.Floor) || (NeedsDiscard && !Kept.Covers(Store.Memory.Floor))) Debt.IsWhole = true; // of what was deleted beyond the cut no trace is left when its tombstone has been forgotten
        RecordVersion highest = NeedsDiscard ? Kept.Clamp(chain.Clamp(Highest)) : chain.Clamp(Highest);
        NeedsDiscard = false;
        Discarding = null;
        Highest = RecordVersion.Max(highest, RecordVersion.Max(Position, _liveThrough));
        _counters.Discarded += walk.Found;
    }

    /// <summary>From which version on a member with this floor must be asked: <see cref="RecordVersion.None"/> for everything.</summary>
    internal RecordVersion SinceFor(RecordVersion floor) => Debt.IsWhole || Position < floor ? RecordVersion.None : Position;

    /// <summary>The cut of the newest term is known, and the hole before the live run is closed, or there is none.</summary>
    internal bool IsInStep => Chain.CurrentTerm >= SeenTerm && (_liveFrom == default || Position >= _liveThrough);

    /// <summary>Declares the service complete.</summary>
    internal void MarkComplete()
    {
        if (IsComplete) return;
        IsComplete = _wasComplete = true;
        Why = "";
        _liveFrom = _liveThrough = default;
        Store.Memory.IsCollectionPaused = false;
        _mirror.Log(MirrorEvent.Synchronised, $"service {Name}: synchronised through {Position}");
        _mirror.OnCompletenessChanged();
    }

    /// <summary>Something is missing, or may be.</summary>
    internal void MarkIncomplete(string why)
    {
        GapEpoch++;
        Why = why;
        Store.Memory.IsCollectionPaused = true;
        if (IsComplete)
        {
            IsComplete = false;
            _mirror.Log(MirrorEvent.NotSynchronised, $"service {Name}: not synchronised: {why}");
        }
        _mirror.OnCompletenessChanged();
        if (Role == ServiceRole.Secondary) Resync.Start(_mirror.Group.Now);
    }

    /// <summary>The group says that part of the primary's stream will not come.</summary>
    internal void OnStreamGap(GapReason reason)
    {
        _counters.StreamGaps++;
        MarkIncomplete(reason switch
        {
            GapReason.JoinedLate => "the stream was joined after it began",
            GapReason.Ejected => "this node lagged too far behind and was ejected",
            _ => "part of the stream is lost: no living member holds it",
        });
    }

    /// <summary>A member came, went, or changed.</summary>
    internal void OnMemberChanged(GroupMember member, MemberChange change)
    {
        if (Role == ServiceRole.Secondary && member.Name == PrimaryName)
        {
            _primaryMember = member; // for its clock
            if (change == MemberChange.Joined) Resync.Start(_mirror.Group.Now);
        }
        Resync.OnMembersChanged(_mirror.Group.Now);
        Takeover.OnMembersChanged(_mirror.Group.Now);
        Synchronised.Compare();
    }

    /// <summary>Once per round: roles and resynchronisation go on; what other threads may see, expiry, tombstones.</summary>
    internal void EndRound(Timestamp now, bool tidies)
    {
        if (Role == ServiceRole.Primary)
        {
            Position = Highest = Publisher.Last;
            Store.TellWritable();
        }
        if (tidies && !Publisher.IsPaused)
        {
            Floors.Step(now);
            Store.Memory.Step();
        }
        Takeover.Tick(now);
        Resync.Tick(now);
        HandOver.Tick(now);
        Synchronised.Tick();
        Share();
    }

    /// <summary>Tells the serving threads where the service stands.</summary>
    internal void Share() => Shared.Update(Position, Highest, Store.Memory.Floor, IsComplete);

    /// <summary>Where the service stands, for a member that asks.</summary>
    internal ServicePosition ToPosition()
    {
        bool writes = Role == ServiceRole.Primary;
        return new ServicePosition
        {
            Position = writes ? Publisher.Last : Position,
            Highest = writes ? Publisher.Last : Highest,
            Floor = Store.Memory.Floor,
            IsComplete = IsComplete,
            IsPrimary = writes,
            Remembers = Remembers,
            Promised = PromisedTerm,
            Chain = Chain,
        };
    }


    /// <summary>Gives the memory back.</summary>
    public void Dispose() => Store.Dispose();

    private void UseChain(TermChain chain)
    {
        Chain = chain;
        ChainEpoch++;
        AcceptTerm();
    }

    private void AcceptTerm() => _acceptedTerm = Chain.CurrentTerm >= PromisedTerm ? Chain.CurrentTerm : ulong.MaxValue;
}
