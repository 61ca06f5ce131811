namespace Appliance.State;

/// <summary>
/// What a mirror tells whoever gives it its roles, the elections (ARCHITECTURE 6). Loop thread. The calls that give roles may be made from here, except from
/// <see cref="OnStoodDown"/>.
/// </summary>
internal interface IMirrorRoles
{
    /// <summary>Enough members have said what they hold: the cut is decided; what this node lacks is fetched next. Not told of a service that was handed over.</summary>
    void OnCollected(string service, ulong term)
    {
    }

    /// <summary>The cut of the term is published: this node writes. Now, and not before, it may own the service's addresses.</summary>
    void OnServing(string service, ulong term);

    /// <summary>Another member has seen, or promised, a term as high as the one that <see cref="StateMirror.BecomePrimary"/> was given: this node is a secondary again. A higher term than that one is needed.</summary>
    void OnTermTooLow(string service, ulong term, ulong seenTerm);

    /// <summary>A higher term was begun by another node while this one was, or was to be, the primary: it writes no more.</summary>
    void OnStoodDown(string service, ulong higherTerm);

    /// <summary>
    /// On the primary: the set of synchronised members should become another (<see cref="StateMirror.SynchronisedMembers"/>): commit it to the voters, then call
    /// <see cref="StateMirror.CommitSynchronised"/>. Until then who joins the set does not count for acknowledgements, and writes that fewer than promised may answer (<c>when-short = accept</c>)
    /// wait for who leaves it.
    /// </summary>
    void OnSynchronisedMembersChanged(string service);

    /// <summary>The target has applied everything, was told so, and this node is a secondary: the lease may pass to the target.</summary>
    void OnHandedOver(string service, string target, ulong term);

    /// <summary>The hand-over did not come about; this node goes on writing if it is still the primary.</summary>
    /// <param name="service">Which.</param>
    /// <param name="target">To whom it should have gone.</param>
    /// <param name="why">In words.</param>
    void OnHandOverFailed(string service, string target, string why);

    /// <summary>The primary before has handed the service over to this node: <see cref="StateMirror.BecomePrimary"/> with a term not below this one has nothing to collect.</summary>
    void OnOffered(string service, string from, ulong term);
}
