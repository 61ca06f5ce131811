namespace Appliance.Multicast;

/// <summary>A member as this node sees it.</summary>
public sealed record MulticastMemberStatus
{
    internal MulticastMemberStatus(GroupMember member, ulong publishedThrough, Timestamp now)
    {
        Name = member.Name;
        Incarnation = member.Incarnation;
        Role = member.Role;
        State = member.State;
        Synchronised = member.Synchronised;
        WaitedFor = member.WaitedFor;
        ByUnicast = member.ByUnicast;
        LagDatagrams = publishedThrough > member.AppliedThrough ? publishedThrough - member.AppliedThrough : 0;
        SilentFor = now - member.LastHeard;
        RoundTrip = member.RoundTrip;
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Its life.</summary>
    public ulong Incarnation { get; }

    /// <summary>What it does in the group.</summary>
    public MemberRole Role { get; }

    /// <summary>How this node sees it.</summary>
    public MemberState State { get; }

    /// <summary>It declared that it holds the complete state.</summary>
    public bool Synchronised { get; }

    /// <summary>Our sender waits for it.</summary>
    public bool WaitedFor { get; }

    /// <summary>Multicast does not arrive there.</summary>
    public bool ByUnicast { get; }

    /// <summary>Datagrams of our stream that it has not applied.</summary>
    public ulong LagDatagrams { get; }

    /// <summary>Time since it was last heard.</summary>
    public TimeSpan SilentFor { get; }

    /// <summary>Measured round trip; zero while unknown.</summary>
    public TimeSpan RoundTrip { get; }
}
