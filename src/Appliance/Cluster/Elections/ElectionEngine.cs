using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>
/// All elections of one node: which node is primary of each service, and until when it may act (ARCHITECTURE 6). Free of I/O, clocks, threads and randomness. A vote must be on the disk
/// before anybody hears of it: until the store has said so, beats tell what is stored, and everything else goes on (docs/decisions/0012).
/// </summary>
/// <remarks>
/// One thread. Times are CLOCK_BOOTTIME of this node (<see cref="IGroup.Now"/>). Per loop round: <see cref="OnBeat"/> for every beat, then <see cref="OnTick"/> once
/// <see cref="NextDeadline"/> has come and the sockets were drained. How it works and why: docs/decisions/0006.
/// </remarks>
internal sealed class ElectionEngine
{
    /// <summary>Largest term: that of a record's version.</summary>
    internal const uint MaxTerm = (1 << 20) - 1;

    /// <summary>Who is not elected within this time is not meant any more: an order that is forgotten must not lose anything later.</summary>
    internal static readonly TimeSpan LossAcceptedFor = TimeSpan.FromMinutes(1);

    private readonly ElectionContext _context;
    private readonly ServiceElection[] _elections;
    private readonly ServiceSection[] _sections, _published;
    private readonly ViewKeeper _views;
    private readonly byte[] _buffer = new byte[BeatExtension.MaxBytes];
    private readonly RecordKeeper _records;
    private Timestamp _publishedUntil;
    private GroupView? _publishedView;
    private bool _showsView;
    private uint _publication;
    private Timestamp _tickAt;

    /// <param name="options">Valid.</param>
    /// <param name="store">Read here.</param>
    /// <param name="sink">Told of everything.</param>
    /// <param name="now">Start of this life: the node abstains for one dead-after.</param>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    /// <exception cref="IOException">A vote cannot be read.</exception>
    /// <exception cref="InvalidDataException">A stored vote is damaged.</exception>
    internal ElectionEngine(ElectionOptions options, IVoteStore store, IElectionSink sink, Timestamp now)
    {
        string[] errors = [.. options.Validate()];
        if (errors.Length > 0) throw new ArgumentException(string.Join("; ", errors), nameof(options));
        _context = new ElectionContext(options, store, sink, now);
        _context.Use(store.ReadView() ?? ViewKeeper.Bootstrap(options));
        IReadOnlyDictionary<string, VoteRecord> votes = store.ReadVotes();
        _context.States = new ServiceState[_context.SectionCount];
        _elections = new ServiceElection[_context.SectionCount];
        for (int i = 0; i < _elections.Length; i++)
        {
            ElectionService service = i < options.Services.Count ? options.Services[i] : new ElectionService { Name = "group", HoldsState = false };
            _context.States[i] = new ServiceState(_context, i, service, votes.GetValueOrDefault(service.Name, VoteRecord.None));
            _elections[i] = new ServiceElection(_context, _context.States[i]);
        }
        _sections = new ServiceSection[_elections.Length];
        _published = new ServiceSection[_elections.Length];
        _views = new ViewKeeper(_context) { Changed = OnViewChanged };
        _records = new RecordKeeper(_context, _elections, _views, votes);
        _tickAt = now;
        if (!options.Quorum) sink.Log(ElectionEvent.Warning, "quorum = off: two nodes that do not hear each other are both primary, and one of them loses what it wrote");
    }

    /// <summary>Number of the group's own service.</summary>
    internal int GroupService => _elections.Length - 1;

    /// <summary>The view in use.</summary>
    internal GroupView View => _context.View;

    /// <summary>The view in use is committed, as far as this node, as primary of the group's own service, knows.</summary>
    internal bool ViewIsCommitted => _views.IsCommitted;

    /// <summary>Beats whose extension was not understood.</summary>
    internal long Malformed { get; private set; }

    /// <summary>The members that are heard and refused because they are configured otherwise than this node, a sentence each.</summary>
    internal IEnumerable<string> Refusals(Timestamp now) =>
        from peer in _context.Peers
        where peer.Refusal is not null && now < peer.ReceivedAt + _context.Options.DeadAfter * 10
        select $"{_context.NameOf(peer.Node)} {peer.Refusal}: neither votes for the other; make the configurations alike (docs/operations.md)";

    /// <summary>Candidacies of this node that found no majority in time.</summary>
    internal long Withdrawals => _context.Withdrawals;

    /// <summary>When <see cref="OnTick"/> must be called next.</summary>
    internal Timestamp NextDeadline
    {
        get
        {
            Timestamp deadline = _tickAt;
            foreach (ServiceElection election in _elections) deadline = Timestamp.Min(deadline, election.Deadline);
            return deadline;
        }
    }

    /// <summary>This node holds a valid lease of a service.</summary>
    internal bool IsPrimary(int service, Timestamp now) => now < _elections[service].LeaseUntil;

    /// <summary>Until when the lease of a service is valid; the past without one.</summary>
    internal Timestamp LeaseUntil(int service) => _elections[service].LeaseUntil;

    /// <summary>The primary of a service as far as this node knows; <see cref="NodeId.None"/>: nobody.</summary>
    internal NodeId PrimaryOf(int service) => _elections[service].Primary;

    /// <summary>The newest term of a service that this node has seen.</summary>
    internal uint TermOf(int service) => _context.States[service].Term;

    /// <summary>The newest synchronised set that is stored here.</summary>
    internal SynchronisedSet SetOf(int service) => _context.States[service].Set;

    /// <summary>On the primary: <see cref="SetOf"/> is committed.</summary>
    internal bool SetIsCommitted(int service) => _elections[service].SetIsCommitted;

    /// <summary>One line for <c>status</c>: who is primary, or why nobody is.</summary>
    internal string Describe(int service) => _elections[service].Describe();

    /// <summary>See <see cref="IGroupHandler.OnBeat"/>; beats of every path, also those without an extension.</summary>
    /// <param name="now">The loop's time.</param>
    /// <param name="node">The member.</param>
    /// <param name="incarnation">Its life.</param>
    /// <param name="receivedAt">As told by the group.</param>
    /// <param name="beatSent">As told by the group.</param>
    /// <param name="echoedSent">As told by the group.</param>
    /// <param name="extension">As told by the group.</param>
    internal void OnBeat(Timestamp now, NodeId node, ulong incarnation, Timestamp receivedAt, ulong beatSent, ulong echoedSent, ReadOnlySpan<byte> extension)
    {
        Advance(now);
        if (extension.IsEmpty) return;
        if (!BeatExtension.TryParse(extension, out BeatExtension beat))
        {
            Malformed++;
            return;
        }
        if (_context.FindOrAdd(node) is not { } peer || !peer.Take(incarnation, Timestamp.Min(receivedAt, now), beatSent, echoedSent, beat)) return;
        if (!IsConfiguredAlike(peer, beat)) return;
        _views.OnBeat(peer, beat);
        peer.Understood = beat.ViewHash == _context.View.ContentHash && beat.Sections == _elections.Length;
        if (peer.Understood && peer.Slot >= 0)
        {
            peer.TakeSections(beat);
            foreach (ServiceElection election in _elections) election.OnSection(peer);
            foreach (ServiceElection election in _elections) election.AfterBeat();
        }
        Publish();
    }

    /// <summary>Runs what is due.</summary>
    internal void OnTick(Timestamp now)
    {
        Advance(now);
        _tickAt = now + _context.Options.Heartbeat;
        foreach (ServiceElection election in _elections) election.Tick();
        _views.Tick(_elections[GroupService]);
        Publish();
    }

    /// <summary>What this node is able to do for a service.</summary>
    /// <param name="now">The loop's time.</param>
    /// <param name="service">Which.</param>
    /// <param name="synchronised">It holds the state. False from the start until it has synchronised from a primary, or has itself become one and cut.</param>
    /// <param name="healthy">Its checks pass and its service link carries.</param>
    /// <param name="drained">The operator wants no service here.</param>
    /// <param name="position">How far the state reaches, as a number that grows.</param>
    internal void SetReadiness(Timestamp now, int service, bool synchronised, bool healthy, bool drained, ulong position)
    {
        ServiceState state = _context.States[service];
        (state.Synchronised, state.Healthy, state.Drained, state.Position) = (synchronised, healthy, drained, position);
        Act(now);
    }

    /// <summary>As primary: it has cut and owns the address. Beats say so, and it may be asked to hand over.</summary>
    internal void SetServing(Timestamp now, int service)
    {
        _context.States[service].Serving = _context.States[service].Role == ElectionRole.Primary;
        Act(now);
    }

    /// <summary>Terms up to here are used up (the mirror found them in records or on the disk): the next one is greater.</summary>
    internal void NoteTerm(int service, ulong term) => _context.States[service].TermFloor = (uint)Math.Min(MaxTerm, Math.Max(term, _context.States[service].TermFloor));

    /// <summary>
    /// As primary: prepares a hand-over while this node serves. The voters store the votes that the target will ask for, and the target learns that the synchronised set is committed: then
    /// <see cref="TransferTo"/> makes it primary, and lets it acknowledge writes, without waiting for any disk. Binds nobody; <see cref="NodeId.None"/> ends it, and so does the end of the lease.
    /// </summary>
    internal void Nominate(Timestamp now, int service, NodeId target)
    {
        Advance(now);
        _elections[service].Nominate(target);
        Act(now);
    }

    /// <summary>Why a member cannot take a service over from this node now; null: it can.</summary>
    internal string? WhyNotTransferTo(int service, NodeId target) => _elections[service].WhyNotTransferTo(target);

    /// <summary>Why a member is not fit to have a service now, whatever it holds; null: it is.</summary>
    internal string? WhyNotWanted(int service, NodeId target) => _elections[service].WhyNotWanted(target);

    /// <summary>The nominated member is prepared, as far as this node has heard.</summary>
    internal bool IsPrepared(int service) => _elections[service].NomineeIsPrepared;

    /// <summary>
    /// Planned hand-over: this node's lease ends now (<see cref="IElectionSink.OnLost"/> is called inside), and only the target is voted for until everybody would be free anyway. Bring
    /// the target up to date first.
    /// </summary>
    /// <returns>Null, or why nothing was done.</returns>
    internal string? TransferTo(Timestamp now, int service, NodeId target)
    {
        Advance(now);
        string? whyNot = _elections[service].TransferTo(target);
        Act(now);
        return whyNot;
    }

    /// <summary>Gives a service up at once, for whoever is elected; this node stands again after one dead-after.</summary>
    internal void Release(Timestamp now, int service)
    {
        Advance(now);
        _elections[service].Release();
        Act(now);
    }

    /// <summary>As primary: proposes the members that may be elected after it. Act on a smaller set only once <see cref="IElectionSink.OnSynchronisedSet"/> has said that it is committed;
    /// propose a larger one only when the new member acknowledges every write already.</summary>
    /// <returns>Null, or why nothing was done.</returns>
    internal string? ProposeSynchronisedSet(Timestamp now, int service, ushort members)
    {
        Advance(now);
        string? whyNot = _elections[service].Propose(members);
        Act(now);
        return whyNot;
    }

    /// <summary>A write that <see cref="IVoteStore.Write"/> left under way has ended.</summary>
    /// <param name="now">The loop's time.</param>
    /// <param name="error">Why nothing of it is stored; null: all of it is.</param>
    internal void OnStored(Timestamp now, string? error)
    {
        Advance(now);
        _records.End(error);
        Act(now);
    }

    /// <summary>As primary of the group's own service: a member comes. Committed when <see cref="IElectionSink.OnView"/> says so.</summary>
    /// <returns>Null, or why nothing was done.</returns>
    internal string? AddMember(Timestamp now, NodeId node, SlotRole role) =>
        View.SlotOf(node) >= 0 ? "it is a member already" : Change(now, view => view.With(node, role));

    /// <summary>As primary of the group's own service: a member goes.</summary>
    /// <returns>Null, or why nothing was done.</returns>
    internal string? RemoveMember(Timestamp now, NodeId node) =>
        WhyNotRemove(View.SlotOf(node)) ?? Change(now, view => view.Without(node));

    /// <summary>As primary of the group's own service: all accept the group key of this id.</summary>
    /// <returns>Null, or why nothing was done.</returns>
    internal string? SetKeyEpoch(Timestamp now, ushort keyEpoch) => Change(now, view => view.WithKeyEpoch(keyEpoch));

    /// <summary>The operator accepts that acknowledged writes of a service may be lost: whoever is there may be elected. Said to one voter, its beats tell the others; it is over with the next primary, or
    /// after <see cref="LossAcceptedFor"/>.</summary>
    internal void AcceptLoss(Timestamp now, int service)
    {
        Advance(now);
        _elections[service].AcceptLoss(_context.Now + LossAcceptedFor);
        Act(now);
    }

    /// <summary>Why it would help nothing to accept a loss here; null: it may.</summary>
    internal string? WhyNotAcceptLoss(int service) => _elections[service].WhyNotAcceptLoss();

    /// <summary>The present primary of a service, as far as this node knows, counts a member among those that hold everything. False while nobody is primary.</summary>
    internal bool Counts(int service, NodeId member) => _elections[service].Counts(member);

    // Who is removed counts for nothing any more: what only it holds would be lost.
    private string? WhyNotRemove(int slot)
    {
        if (slot < 0) return "it is no member";
        if (int.PopCount(View.Data & ~(1 << slot)) == 0) return "it is the last data member";
        foreach (ServiceState state in _context.States)
            if (state.Options.HoldsState && !state.Set.IsOfConfiguration && state.Set.Contains(slot)) return $"it is in the synchronised set of service {state.Options.Name}: drain it and leave it out there first";
        return null;
    }

    private string? Change(Timestamp now, Func<GroupView, GroupView?> change)
    {
        Advance(now);
        string? whyNot = _views.Want(change, _elections[GroupService]);
        Act(now);
        return whyNot;
    }

    private void Act(Timestamp now)
    {
        Advance(now);
        foreach (ServiceElection election in _elections) election.AfterBeat();
        Publish();
    }

    // A node that did not run for a while reads first what waits for it before it takes anybody for dead.
    private void Advance(Timestamp now)
    {
        if (now > _tickAt + _context.Options.Heartbeat)
        {
            _context.Now = now;
            foreach (ServiceElection election in _elections) election.Extend(_context.Options.Heartbeat);
            _tickAt = now;
        }
        _context.Now = Timestamp.Max(_context.Now, now);
    }

    private bool IsConfiguredAlike(ElectionPeer peer, in BeatExtension beat)
    {
        peer.Refusal = WhyRefused(beat);
        if (beat.Digest == _context.Options.ConfigurationDigest) return true;
        peer.Understood = false;
        if (peer.Complained == beat.Digest) return false;
        peer.Complained = beat.Digest;
        _context.Sink.Log(ElectionEvent.Warning, $"{_context.NameOf(peer.Node)} {peer.Refusal}: neither votes for the other; make the configurations alike");
        return false;
    }

    private string? WhyRefused(in BeatExtension beat)
    {
        GroupView view = _context.View;
        bool isSameVersion = !view.IsOlderThan(beat.ViewTerm, beat.ViewNumber) && !view.IsNewerThan(beat.ViewTerm, beat.ViewNumber);
        if (isSameVersion && beat.ViewHash != view.ContentHash) return "names other members in [group] members or witnesses than this node";
        return beat.Digest != _context.Options.ConfigurationDigest ? "has other group-wide settings than this node" : null;
    }

    private void OnViewChanged(GroupView before, GroupView after)
    {
        foreach (ElectionPeer peer in _context.Peers) peer.Understood = false;
        foreach (ServiceElection election in _elections) election.OnView(before, after);
    }

    // Everything a node says is standing information; it is published again when it changes, and in a hurry when somebody may wait for it.
    private void Publish()
    {
        _records.Store();
        bool changed = _publication == 0, urgent = false;
        Timestamp until = Timestamp.Never;
        for (int i = 0; i < _elections.Length; i++)
        {
            ServiceSection section = _elections[i].Section;
            until = Timestamp.Min(until, _elections[i].ClaimUntil);
            ref readonly ServiceSection before = ref _published[i];
            changed |= section != before;
            urgent |= ((section.Flags ^ before.Flags) & SectionFlags.Prepared) != 0 || section.Term != before.Term || section.Role != before.Role || section.Bound != before.Bound || section.Transfer != before.Transfer
                || (section.Supports & ~before.Supports) != 0 || !section.Set.IsSameAs(before.Set);
            _sections[i] = section;
        }
        bool shows = _views.Shows;
        if (!ReferenceEquals(_publishedView, _context.View) || (shows && !_showsView)) urgent = true;
        if (!changed && !urgent && until == _publishedUntil && shows == _showsView) return;
        (_publishedUntil, _publishedView, _showsView) = (until, _context.View, shows);
        _sections.CopyTo(_published, 0);
        int length = BeatExtension.Write(_buffer, ++_publication, _context.Options.ConfigurationDigest, _context.View, shows, _sections);
        _context.Sink.Publish(_buffer.AsSpan(0, length), until, urgent);
    }
}
