namespace Appliance.Multicast;

/// <summary>What keeps nodes apart, or what is on the group's network and does not belong there.</summary>
public enum GroupTroubleKind : byte
{
    /// <summary>The members do not admit this node.</summary>
    Refused,

    /// <summary>Another group uses the same multicast address and port.</summary>
    ForeignGroup,

    /// <summary>Datagrams arrive that no key of this node opens.</summary>
    OtherKey,

    /// <summary>Another process uses this node's id.</summary>
    OwnIdElsewhere,

    /// <summary>Another process uses the id of a living member.</summary>
    MemberIdElsewhere,
}

/// <summary>Something that has gone on for at least two seconds and that an operator must end.</summary>
/// <param name="Kind">What it is; at most one of each kind at a time.</param>
/// <param name="Sentence">What it is and what to do, with the address it comes from.</param>
public readonly record struct GroupTrouble(GroupTroubleKind Kind, string Sentence);
