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

    /// <summary>This node has become the primary.</summary>
    /// <param name="committed">The set that is committed.</param>
    internal void Begin(IReadOnlyCollection<string> committed)
    {
        _committed = Announced = committed;
        _candidate = null;
        _isTold = false;
        Publisher.Announced = null;
        Publisher.Committed = Others(committed);
    }

    /// <summary>This node is not the primary any more.</summary>
    internal void End()
    {
        _committed = Announced = [];
        _candidate = null;
        Publisher.Committed = Publisher.Announced = null;
    }

    /// <summary>A set is committed.</summary>
    internal void Commit(IReadOnlyCollection<string> members)
    {
        if (_committed.Count == 0) return; // an elected primary has at least itself
        _committed = members;
        Publisher.Committed = Others(members);
        if (_isTold && IsSame(members, Announced))
        {
            _isTold = false;
            Publisher.Announced = null;
        }
        _service.Store.OnProgress();
        Compare();
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
            if (AppliedSequences.CanAcknowledge(member, null) && !Publisher.IsAppliedBy(member, _barrier)) return;
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
            if (AppliedSequences.CanAcknowledge(member, null)) _candidate.Add(member.Name);
        Publisher.Announced = Others(_candidate);
        _barrier = Publisher.Last;
        Publisher.RequestAcknowledgement();
    }

    // Without allocation: it is asked once per round.
    private bool IsNow(IReadOnlyCollection<string> set)
    {
        int count = 1;
        IReadOnlyList<GroupMember> members = _mirror.Members;
        for (int i = 0; i < members.Count; i++)
        {
            if (!AppliedSequences.CanAcknowledge(members[i], null)) continue;
            if (!set.Contains(members[i].Name)) return false;
            count++;
        }
        return count == set.Count;
    }

    private static bool IsSame(IReadOnlyCollection<string> left, IReadOnlyCollection<string> right) => left.Count == right.Count && left.All(right.Contains);

    private NodeId[] Others(IReadOnlyCollection<string> set) => [.. set.Where(name => name != _mirror.Group.Name).Select(NodeId.FromName)];
}
