using Appliance.Multicast;

namespace Appliance.State;

/// <summary>How far the members of a set have applied this node's stream, in descending order: the k-th is what k of them have.</summary>
internal sealed class AppliedSequences
{
    /// <summary>Members that are looked at; more than a group may have.</summary>
    private const int MaxMembers = 64;

    private readonly ulong[] _applied = new ulong[MaxMembers];
    private int _most;

    /// <summary>Members of the set that can acknowledge.</summary>
    internal int Count { get; private set; }

    /// <summary>What all of them have; 0 when there are none.</summary>
    internal ulong ByAll => Count == 0 ? 0 : _applied[Count - 1];

    /// <summary>What <paramref name="members"/> of them have; at least 1, at most <see cref="Count"/>.</summary>
    internal ulong By(int members) => _applied[members - 1];

    /// <summary>Looks anew.</summary>
    /// <param name="members">The other members of the group.</param>
    /// <param name="set">Those that count; null: all.</param>
    internal void Collect(IReadOnlyList<GroupMember> members, NodeId[]? set)
    {
        Count = 0;
        for (int i = 0; i < members.Count && Count < MaxMembers; i++)
        {
            GroupMember member = members[i];
            if (!CanAcknowledge(member, set)) continue;
            int at = Count++;
            while (at > 0 && _applied[at - 1] < member.AppliedThrough)
            {
                _applied[at] = _applied[at - 1];
                at--;
            }
            _applied[at] = member.AppliedThrough;
        }
        _most = set?.Length ?? Count;
    }

    /// <summary>Whether as many have applied a sequence as a class asks for.</summary>
    /// <param name="demand">What it asks for.</param>
    /// <param name="streamSequence">The sequence.</param>
    /// <param name="isShort">The set has fewer members than that.</param>
    internal bool Meet(AcknowledgementDemand demand, ulong streamSequence, out bool isShort)
    {
        int needed = demand.Acknowledgements;
        isShort = needed > _most;
        if (isShort && demand.AcceptsWhenShort) needed = _most;
        return needed == 0 || (needed <= Count && By(needed) >= streamSequence);
    }

    /// <summary>A member that is there, holds the complete state, and belongs to a set.</summary>
    internal static bool CanAcknowledge(GroupMember member, NodeId[]? set) =>
        member is { Role: MemberRole.Data, State: MemberState.Live, Synchronised: true } && (set is null || Array.IndexOf(set, member.Node) >= 0);
}
