using Appliance.Multicast;

namespace Appliance.State;

/// <summary>
/// On an elected primary: which members hold everything that was acknowledged, so that one of them can be elected next. While it is to change, writes are resolved by the rules of both sets; it is
/// announced when everyone in the new one has applied all that was written before, and one change must be committed before the next (ARCHITECTURE 3, step 5).
/// </summary>
/// <remarks>
/// Why both: whether the announced set was committed is known late, and the takeover asks the members of the one that was. A write that only a member outside that set acknowledged would be overlooked.
/// </remarks>
internal sealed class SynchronisedMembers
{
    private readonly MirroredService _service;
    private readonly StateMirror _mirror;
    private IReadOnlyCollection<string> _committed = [];
    private IReadOnlyCollection<string>? _early;
    private List<string>? _candidate;
    private RecordVersion _barrier;
    private bool _isTold; // and not yet committed

    internal SynchronisedMembers(MirroredService service, StateMirror mirror)
    {
        _service = service;
        _mirror = mirror;
    }

    /// <summary>The set that is to be committed, or is; this node among it. Empty when this node is no elected primary.</summary>
    internal IReadOnlyCollection<string> Announced { get; private set; } = [];

    private ServicePublisher Publisher => _service.Publisher;

    /// <summary>This node has become the primary. Nothing is acknowledged before a set is committed in its own term: an earlier primary may have committed another one that was not known here.</summary>
    /// <param name="holders">The set that the takeover went by.</param>
    internal void Begin(IReadOnlyCollection<string> holders)
    {
        _committed = Announced = holders;
        Publisher.Committed = Others(holders);
        Publisher.AwaitsCommitment = true;
        if (_early is not null) Commit(_early);
        _early = null;
    }

    /// <summary>This node is not the primary any more.</summary>
    internal void End()
    {
        _committed = Announced = [];
        _early = null;
        _candidate = null;
        _isTold = false;
        Publisher.Committed = Publisher.Announced = null;
        Publisher.AwaitsCommitment = false;
    }

    /// <summary>A set is committed.</summary>
    internal void Commit(IReadOnlyCollection<string> members)
    {
        if (_committed.Count == 0)
        {
            if (_service.Takeover.IsActive) _early = members; // the voters were quicker than the survivors
            return;
        }
        _committed = members;
        Publisher.Committed = Others(members);
        Publisher.AwaitsCommitment = false;
        if (_isTold)
        {
            _isTold = false;
            Publisher.Announced = null;
            Announced = members;
        }
        _service.Store.OnProgress();
        Compare();
    }

    /// <summary>Looks whether a change can be announced that waits for members.</summary>
    internal void Tick()
    {
        if (_candidate is not null) Compare();
    }

    /// <summary>Looks whether the set should be another.</summary>
    internal void Compare()
    {
        if (_committed.Count == 0 || _isTold) return;
        if (IsNow(_committed))
        {
            if (_candidate is null) return;
            _candidate = null;
            Publisher.Announced = null;
            return;
        }
        if (_candidate is null || !IsNow(_candidate)) Consider();
        foreach (GroupMember member in _mirror.Members)
            if (CanHold(member) && !Publisher.IsAppliedBy(member, _barrier)) return;
        Announced = _candidate!;
        _candidate = null;
        _isTold = true;
        _mirror.Roles?.OnSynchronisedMembersChanged(_service.Name);
    }

    // From here on everything is resolved by the rules of both sets, and what came before is with everyone in the new one as soon as they have passed this point.
    private void Consider()
    {
        _candidate = [_mirror.Group.Name];
        foreach (GroupMember member in _mirror.Members)
            if (CanHold(member)) _candidate.Add(member.Name);
        Publisher.Announced = Others(_candidate);
        _barrier = Publisher.Last;
        Publisher.RequestAcknowledgement();
    }

    private bool IsNow(IReadOnlyCollection<string> set)
    {
        int count = 1;
        IReadOnlyList<GroupMember> members = _mirror.Members;
        for (int i = 0; i < members.Count; i++)
        {
            if (!CanHold(members[i])) continue;
            if (!set.Contains(members[i].Name)) return false;
            count++;
        }
        return count == set.Count;
    }

    // Who is no data member cannot be elected, whatever it holds.
    private bool CanHold(GroupMember member) => AppliedSequences.CanAcknowledge(member, null) && _mirror.DataMembers.Contains(member.Name);

    private NodeId[] Others(IReadOnlyCollection<string> set) => [.. set.Where(name => name != _mirror.Group.Name).Select(NodeId.FromName)];
}
