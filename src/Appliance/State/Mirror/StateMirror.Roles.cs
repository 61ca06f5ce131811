using Appliance.Multicast;

namespace Appliance.State;

/// <content>
/// Roles that change: what elections call. All on the loop thread; nothing is done to the network inside these calls, everything at the end of the round. A service with a configured primary
/// (<see cref="MirroredServiceOptions.Primary"/>) calls the same by itself at its start.
/// </content>
internal sealed partial class StateMirror
{
    /// <summary>Names of all data members, those away too: as configured, or as the newest committed view says.</summary>
    internal IReadOnlyList<string> DataMembers { get; private set; }

    /// <summary>Whoever gives roles; null for configured primaries.</summary>
    internal IMirrorRoles? Roles { get; set; }

    /// <summary>
    /// This node was elected: it collects from the members what they hold, cuts, and writes; then <see cref="IMirrorRoles.OnServing"/>. Nothing is lost that was acknowledged, or it waits
    /// (see <see cref="DoingFor"/>) until enough members have answered or <see cref="AcceptLoss"/>.
    /// </summary>
    /// <param name="service">Its name.</param>
    /// <param name="term">Greater than every term of the service before (<see cref="SeenTermOf"/>), at most <see cref="RecordVersion.MaxTerm"/>.</param>
    /// <param name="holders">Members that may hold acknowledged writes, this node among them: the synchronised set as it was committed last. Null: all configured data members.</param>
    /// <param name="acceptLoss">See <see cref="AcceptLoss"/>.</param>
    /// <param name="coldStart">See <see cref="TakeoverRequest.IsColdStart"/>.</param>
    /// <exception cref="KeyNotFoundException">There is no such service.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The term is not greater than that in which this node writes, or too large.</exception>
    internal void BecomePrimary(string service, ulong term, IReadOnlyCollection<string>? holders = null, bool acceptLoss = false, bool coldStart = false)
    {
        MirroredService mirrored = Service(service);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(term, RecordVersion.MaxTerm, nameof(term));
        if (mirrored.Role == ServiceRole.Primary) ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(term, mirrored.Term, nameof(term));
        mirrored.StartTakeover(new TakeoverRequest(term, holders ?? DataMembers) { AcceptsLoss = acceptLoss, IsColdStart = coldStart });
    }

    /// <summary>A takeover under way serves with what those hold who answer, also if acknowledged writes may be lost; it says so.</summary>
    internal void AcceptLoss(string service) => Service(service).Takeover.AcceptLoss();

    /// <summary>The lease is over: writes are refused at once, those that wait for acknowledgements get 'outcome unknown', and this node is a secondary that waits for another's cut.</summary>
    internal void LoseLease(string service) => Service(service).StandDown(null);

    /// <summary>Another node is primary, or will be, in a higher term: as <see cref="LoseLease"/>, and nothing of lower terms is taken any more.</summary>
    /// <param name="service">Its name.</param>
    /// <param name="higherTerm">The other's term.</param>
    /// <param name="newPrimary">The other; null when not known.</param>
    internal void Abdicate(string service, ulong higherTerm, string? newPrimary)
    {
        MirroredService mirrored = Service(service);
        mirrored.StandDown(newPrimary);
        mirrored.Promise(higherTerm);
        mirrored.Follow(higherTerm, newPrimary);
    }

    /// <summary>On a secondary: who is primary, as the elections know. If the cut of the term does not arrive, it is asked for.</summary>
    internal void Follow(string service, ulong term, string? primary) => Service(service).Follow(term, primary);

    /// <summary>
    /// Hands a service over to a synchronised member: admits no writes (listeners wait, nothing is refused), lets the target apply everything, tells it that there is nothing to collect, and becomes
    /// a secondary: <see cref="IMirrorRoles.OnHandedOver"/>. After <see cref="StateMirrorOptions.HandOverLimit"/> it goes on writing: <see cref="IMirrorRoles.OnHandOverFailed"/>.
    /// </summary>
    /// <exception cref="KeyNotFoundException">There is no such service.</exception>
    internal void HandOver(string service, string toMember) => Service(service).HandOver.Begin(toMember, Group.Now);

    /// <summary>Why a hand-over to a member would fail at once; null: it would begin.</summary>
    /// <exception cref="KeyNotFoundException">There is no such service.</exception>
    internal string? WhyNotHandOver(string service, string toMember) => Service(service).HandOver.WhyNot(toMember, out _);

    /// <summary>
    /// The synchronised set that is to be committed, or is: the members that hold everything acknowledged, this node among them. Changes with <see cref="IMirrorRoles.OnSynchronisedMembersChanged"/>, and
    /// not again before it was committed. Empty when this node is not an elected primary.
    /// </summary>
    internal IReadOnlyCollection<string> SynchronisedMembers(string service) => Service(service).Synchronised.Announced;

    /// <summary>On the primary: the set is committed to the voters, so no member outside it can be elected. Only its members count for acknowledgements from now on.</summary>
    internal void CommitSynchronised(string service, IReadOnlyCollection<string> members) => Service(service).Synchronised.Commit(members);

    /// <summary>The data members are others: a view of the group was committed. This node may be missing among them: then it serves nothing any more.</summary>
    internal void UseDataMembers(IReadOnlyList<string> names)
    {
        DataMembers = names;
        UseClasses(_classes); // what a majority is
        foreach (MirroredService service in _services)
        {
            service.Floors.UseDataMembers(names);
            service.Synchronised.Compare();
        }
    }

    /// <summary>The newest term that was seen, promised or stored.</summary>
    internal ulong SeenTermOf(string service) => Service(service).SeenTerm;

    /// <summary>Where a service stands here: how a candidate's state compares with another's, and whether it is complete.</summary>
    internal ServicePosition PositionOf(string service) => Service(service).ToPosition();

    private MirroredService Service(string name) =>
        Array.Find(_services, service => service.Name == name) ?? throw new KeyNotFoundException($"no service '{name}'");
}
