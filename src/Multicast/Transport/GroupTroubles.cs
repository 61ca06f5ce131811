using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Transport;

/// <summary>Tells from what is refused again and again which mistake an operator made.</summary>
internal static class GroupTroubles
{
    /// <summary>Finds them; allocates only when there are some.</summary>
    internal static IReadOnlyList<GroupTrouble> Find(GroupEngine engine, GroupSettings settings, Timestamp now)
    {
        List<GroupTrouble>? found = null;
        RefusedTraffic refused = engine.Refused;
        if (engine.LastRefusal is { } refusal && RefusedTraffic.Lasts(now, refusal.Since, refusal.At))
            Add(GroupTroubleKind.Refused, GroupWarnings.Describe(refusal, settings));
        if (refused.SourceOf(now, DropReason.OwnIdElsewhere) is { } twin)
            Add(GroupTroubleKind.OwnIdElsewhere, $"a second '{settings.NodeName}' runs at {twin} and is refused: it has a copy of this node's configuration; stop it, or give it an id of its own");
        if (refused.SourceOf(now, DropReason.NodeAlive) is { } clone)
            Add(GroupTroubleKind.MemberIdElsewhere, $"a node at {clone} wants to join with the id of a member that is alive and is refused: stop it, or give it an id of its own");
        if (refused.SourceOf(now, DropReason.NotAuthentic) is { } stranger || (stranger = refused.SourceOf(now, DropReason.UnknownKey)) is not null)
            Add(GroupTroubleKind.OtherKey, $"datagrams that no key of this node opens come from {stranger} and are refused: if that is a member, one of the two has the wrong key file; if not, somebody forges");
        if (refused.SourceOf(now, DropReason.ForeignGroup) is { } foreigner)
            Add(GroupTroubleKind.ForeignGroup, $"another group sends to the same address and port, from {foreigner}, and is refused: give one of the groups another [group] address or port");
        return found ?? (IReadOnlyList<GroupTrouble>)[];

        void Add(GroupTroubleKind kind, string sentence) => (found ??= []).Add(new GroupTrouble(kind, sentence));
    }
}
