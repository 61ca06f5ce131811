using Appliance.Multicast;

namespace Appliance.State;

/// <summary>
/// A service's writes on their way to the group: stamps versions, keeps batches together, and knows what is acknowledged (ARCHITECTURE 3, steps 2 and 5).
/// Without a group (a node alone) it only counts.
/// </summary>
/// <remarks>A ticket is the version of a write as a number: it grows over terms, and a record tells by its version whether it is pending.</remarks>
internal sealed class ServicePublisher
{
    /// <summary>Room kept free in the flow window beyond what a write says it needs: its encoding, the head of a new hash, and packing losses.</summary>
    internal const int WindowReserveBytes = 4096;

    // 16,384 datagrams of 1,400 bytes are 22 MiB on the wire: more than a flow window lets be in flight on a fast network. Only a class that is short of members waits for older ones.
    private const int RingEntries = 16384;

    private readonly ServiceId _service;
    private readonly IGroup? _group;
    private readonly PublishedRing _ring = new(RingEntries);
    private readonly AppliedSequences _applied = new(), _appliedByAnnounced = new();
    private byte[] _scratch;
    private byte[] _held;
    private int _heldBytes;
    private bool _inBatch;
    private readonly ClassProgress[] _classes;
    private AcknowledgementDemands _batchDemands;
    private RecordVersion _last;
    private bool _markWanted;
    private readonly Queue<Waiting> _waiting = new();
    private ulong _completedTicket;
    private long _acceptedShort;

    /// <summary>A message that the group refused although its size was asked for before: a command may write more than it announced (APPEND to a long value).</summary>
    private readonly record struct Waiting(byte[] Message, PublishOptions Options, bool Completes, ulong Ticket, AcknowledgementDemands Demands);

    /// <param name="service">Whose writes.</param>
    /// <param name="group">Null for a node alone.</param>
    /// <param name="policies">What each class asks for.</param>
    /// <param name="maxRecordBytes">Largest encoded record.</param>
    internal ServicePublisher(ServiceId service, IGroup? group, ClassPolicies policies, int maxRecordBytes)
    {
        _service = service;
        _group = group;
        Policies = policies;
        _scratch = new byte[maxRecordBytes];
        _held = new byte[maxRecordBytes];
        _classes = [.. Enum.GetValues<RecordClass>().Select(recordClass => new ClassProgress(_ring, recordClass))];
    }

    /// <summary>What each class asks for; replaced at a reload.</summary>
    internal ClassPolicies Policies { get; set; }

    /// <summary>No write may begin: the service is being handed over.</summary>
    internal bool IsPaused { get; set; }

    /// <summary>
    /// The other members of the committed synchronised set: only they count for acknowledgements, because whoever takes over asks so many of them that no write is overlooked, and nobody else; and no
    /// write needs more acknowledgements than they are, where its class accepts that. Null: all members count, and those who are there decide.
    /// </summary>
    internal NodeId[]? Committed { get; set; }

    /// <summary>The other members of a set that is about to be committed; until it is known whether it was, a write must be acknowledged by the rules of both. Null: none is.</summary>
    internal NodeId[]? Announced { get; set; }

    /// <summary>No set is committed in this term: nothing that needs acknowledgements is resolved.</summary>
    internal bool AwaitsCommitment { get; set; }

    /// <summary>Told of every write before it is published; null where nobody serves it.</summary>
    internal SharedServiceState? Shared { get; set; }

    /// <summary>The version of the newest write.</summary>
    internal RecordVersion Last => _last;

    /// <summary>Every ticket up to this one is acknowledged as its class asks. Later ones may be, too: see <see cref="IsResolved"/>.</summary>
    internal ulong ResolvedThrough
    {
        get
        {
            if (_group is null) return _last.Value;
            ulong through = ulong.MaxValue;
            foreach (ClassProgress progress in _classes) through = Math.Min(through, progress.ResolvedThrough);
            return through;
        }
    }

    /// <summary>Records published since the start.</summary>
    internal long PublishedRecords => _ring.Published.Records;

    /// <summary>Datagrams with writes that were answered although fewer members than their class asks for could acknowledge them (<c>when-short = accept</c>), for each class.</summary>
    internal long AcceptedShort => _acceptedShort;

    /// <summary>Datagrams from the first whose writes are published and not resolved; those that are too many to be kept count as one.</summary>
    internal long Pending => (long)(_ring.End - FirstPending) + (Array.Exists(_classes, static progress => progress.HoldsSome) ? 1 : 0);

    /// <summary>Writes wait for acknowledgements that the members who are there can give. What too few are there for may wait for hours.</summary>
    internal bool AwaitsPresentMembers
    {
        get
        {
            int eligible = CountEligible();
            foreach (ClassProgress progress in _classes)
                if (progress.CanAdvance(eligible)) return true;
            return false;
        }
    }

    private ulong FirstPending
    {
        get
        {
            ulong first = _ring.End;
            foreach (ClassProgress progress in _classes) first = Math.Min(first, progress.Next);
            return first;
        }
    }

    /// <summary>Begins a term: the next write has the version after this one.</summary>
    internal void StartAt(RecordVersion last)
    {
        _last = last;
        if (Pending != 0) return;
        foreach (ClassProgress progress in _classes) progress.StartAt(last.Value);
    }

    /// <summary>This node writes no more: what is not acknowledged never will be, and what was not published never is.</summary>
    internal void Abandon()
    {
        foreach (ClassProgress progress in _classes) progress.Abandon();
        _waiting.Clear();
        _markWanted = false;
        IsPaused = false;
    }

    /// <summary>Whether a write of so many bytes can be published now.</summary>
    internal bool HasRoom(long bytes) =>
        !IsPaused && (_group is null || (_waiting.Count == 0 && _group.PublishableBytes >= bytes + WindowReserveBytes));

    /// <summary>Whether fewer members than a class asks for could acknowledge a write now, and the class insists.</summary>
    internal bool IsTooShortFor(RecordClass recordClass)
    {
        ClassPolicies.Policy policy = Policies.Of(recordClass);
        return policy.Acknowledgements > 0 && !policy.AcceptsWhenShort && CountEligible() < policy.Acknowledgements;
    }

    /// <summary>How many synchronised data members could acknowledge a write now.</summary>
    internal int CountEligible()
    {
        if (_group is null) return 0;
        int count = 0;
        IReadOnlyList<GroupMember> members = _group.Members; // by index: an enumerator of an interface is allocated
        for (int i = 0; i < members.Count; i++)
            if (AppliedSequences.CanAcknowledge(members[i], Committed)) count++;
        return count;
    }

    /// <summary>Whether a reply that depends on a record of this version and class must wait.</summary>
    internal bool IsPending(ulong version, RecordClass recordClass) =>
        version > _classes[(int)recordClass].ResolvedThrough && version <= _last.Value && _group is not null && Policies.Of(recordClass).Acknowledgements > 0;

    /// <summary>Whether all that a reply depends on is acknowledged as its classes ask.</summary>
    internal bool IsResolved(WriteDependency dependency)
    {
        for (int i = 0; i < _classes.Length; i++)
            if (dependency.Includes((RecordClass)i) && dependency.Ticket > _classes[i].ResolvedThrough) return false;
        return true;
    }

    /// <summary>The version for the next write.</summary>
    internal RecordVersion Stamp() => _last = _last.Next;

    /// <summary>Publishes a stamped record.</summary>
    internal void Publish(in RecordHeader header, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        int bytes = RecordCodec.Write(
            _scratch, _service, header.Kind, header.Class, header.Tombstone, new RecordVersion(header.Version), header.ExpiryMilliseconds, key, value);
        _ring.Add(header.Class, bytes);
        Shared?.Advance(_last);
        if (_group is null) return;
        ClassPolicies.Policy policy = Policies.Of(header.Class);
        if (_inBatch)
        {
            SendHeld(PublishOptions.BatchContinues, completes: false);
            (_scratch, _held) = (_held, _scratch);
            _heldBytes = bytes;
            _batchDemands = _batchDemands.With(header.Class, policy);
            return;
        }
        PublishOptions options = policy.Acknowledgements > 0 ? PublishOptions.AcknowledgeNow : PublishOptions.None;
        Send(_scratch.AsSpan(0, bytes), options, true, default(AcknowledgementDemands).With(header.Class, policy));
    }

    /// <summary>What follows belongs together.</summary>
    internal void BeginBatch()
    {
        if (_inBatch) throw new InvalidOperationException("batches do not nest");
        _inBatch = true;
        _heldBytes = 0;
        _batchDemands = default;
    }

    /// <summary>Publishes the last of what belongs together.</summary>
    internal void EndBatch()
    {
        if (!_inBatch) throw new InvalidOperationException("no batch was begun");
        _inBatch = false;
        if (_group is null || _heldBytes == 0) return;
        SendHeld(_batchDemands.IsNone ? PublishOptions.None : PublishOptions.AcknowledgeNow, completes: true);
    }

    /// <summary>Publishes a message that is no record but has its place among the versions (the cut).</summary>
    internal void PublishControl(ReadOnlySpan<byte> message)
    {
        if (_group is not null) Send(message, PublishOptions.AcknowledgeNow, true, default);
    }

    /// <summary>Asks the members to report what they have applied; a mark is published only when something is not applied everywhere.</summary>
    internal void RequestAcknowledgement()
    {
        if (_group is null || AcknowledgedBy(_last.Value) == CountEligible()) return;
        Span<byte> mark = stackalloc byte[ControlHeader.Bytes];
        ControlHeader.Write(mark, MessageType.Mark, _service, _last);
        _markWanted = _group.PublishableBytes < WindowReserveBytes || !_group.TryPublish(mark, PublishOptions.AcknowledgeNow, out _);
    }

    /// <summary>Publishing is possible again.</summary>
    internal void OnWindowOpen()
    {
        while (_waiting.TryPeek(out Waiting waiting))
        {
            if (!_group!.TryPublish(waiting.Message, waiting.Options, out ulong sequence)) return;
            _waiting.Dequeue();
            if (waiting.Completes) Complete(sequence, waiting.Ticket, waiting.Demands);
        }
        if (_markWanted) RequestAcknowledgement();
    }

    /// <summary>How many synchronised data members have applied everything up to a ticket.</summary>
    internal int AcknowledgedBy(ulong ticket)
    {
        if (_group is null || (_waiting.Count > 0 && ticket > _completedTicket)) return 0;
        ulong sequence = _ring.SequenceOf(ticket);
        int count = 0;
        IReadOnlyList<GroupMember> members = _group.Members;
        for (int i = 0; i < members.Count; i++)
            if (AppliedSequences.CanAcknowledge(members[i], Committed) && members[i].AppliedThrough >= sequence) count++;
        return count;
    }

    /// <summary>Whether a member has applied everything up to a version.</summary>
    internal bool IsAppliedBy(GroupMember member, RecordVersion version) =>
        (_waiting.Count == 0 || version.Value <= _completedTicket) && member.AppliedThrough >= _ring.SequenceOf(version.Value);

    /// <summary>Looks again at what the members have applied.</summary>
    /// <returns>True when something is resolved that was not.</returns>
    internal bool Resolve()
    {
        if (_group is null) return false;
        bool any = false;
        _applied.Collect(_group.Members, Committed);
        if (Announced is not null) _appliedByAnnounced.Collect(_group.Members, Announced);
        AppliedSequences? announced = Announced is null ? null : _appliedByAnnounced;
        if (!AwaitsCommitment)
            foreach (ClassProgress progress in _classes) any |= progress.Advance(_applied, announced, ref _acceptedShort);
        _ring.ForgetThrough(Math.Min(_applied.ByAll, announced?.ByAll ?? ulong.MaxValue), FirstPending);
        return any;
    }

    /// <summary>What a member lacks of this service's writes.</summary>
    internal MemberLag LagOf(GroupMember member, Timestamp now)
    {
        ref readonly PublishedRing.Totals published = ref _ring.Published;
        PublishedRing.Totals applied = _ring.AppliedBy(member.AppliedThrough);
        Timestamp oldest = _ring.OldestAfter(member.AppliedThrough);
        double milliseconds = oldest == Timestamp.Never ? 0 : Math.Max(0, (now.Nanoseconds - oldest.Nanoseconds) / 1e6);
        return new MemberLag(published.Records - applied.Records, published.Bytes - applied.Bytes, milliseconds);
    }

    /// <summary>The newest write that a member has applied; <see cref="RecordVersion.None"/> when that is not known.</summary>
    internal RecordVersion AppliedBy(GroupMember member) => new(_ring.TicketAppliedBy(member.AppliedThrough));

    /// <summary>
    /// Records of a class that fewer than <paramref name="copies"/> synchronised data members have applied: what would be lost with this node. At most as many members must be synchronised.
    /// </summary>
    internal long CountNotAppliedBy(RecordClass recordClass, int copies)
    {
        if (copies == 0) return 0;
        if (_group is null) return _ring.Published.Of(recordClass);
        _applied.Collect(_group.Members, Committed);
        if (copies > _applied.Count) return _ring.Published.Of(recordClass);
        return _ring.Published.Of(recordClass) - _ring.AppliedBy(_applied.By(copies)).Of(recordClass);
    }

    private void SendHeld(PublishOptions options, bool completes)
    {
        if (_heldBytes != 0) Send(_held.AsSpan(0, _heldBytes), options, completes, _batchDemands);
        _heldBytes = 0;
    }

    private void Send(ReadOnlySpan<byte> message, PublishOptions options, bool completes, AcknowledgementDemands demands)
    {
        if (_waiting.Count > 0 || !_group!.TryPublish(message, options, out ulong sequence))
            _waiting.Enqueue(new Waiting(message.ToArray(), options, completes, _last.Value, demands));
        else if (completes)
            Complete(sequence, _last.Value, demands);
    }

    private void Complete(ulong sequence, ulong ticket, AcknowledgementDemands demands)
    {
        _completedTicket = ticket;
        if (_ring.IsFull)
            foreach (ClassProgress progress in _classes) progress.HoldOldest();
        _ring.Complete(new PublishedRing.Entry { StreamSequence = sequence, Ticket = ticket, At = _group!.Now, Demands = demands });
        foreach (ClassProgress progress in _classes) progress.OnCompleted(_ring.End, ticket, demands);
        if (demands.AnyAccepts && CountEligible() == 0) Resolve(); // nobody will report anything
    }
}
