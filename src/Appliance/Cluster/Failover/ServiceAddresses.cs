using Appliance.Cluster.Guard;
using Appliance.Multicast;

namespace Appliance.Cluster.Failover;

/// <summary>What makes this node answer for one service: its slot in the guard and its addresses on their links. Loop thread. Empty for services without floating addresses.</summary>
internal sealed class ServiceAddresses
{
    private readonly LeaseGuard? _guard;
    private readonly int _slot;

    /// <param name="guard">The guard; null where this host has none.</param>
    /// <param name="slot">The service's slot in it.</param>
    /// <param name="links">The addresses, by link.</param>
    internal ServiceAddresses(LeaseGuard? guard, int slot, IReadOnlyList<FloatingAddresses> links)
    {
        _guard = guard;
        _slot = slot;
        Links = links;
    }

    /// <summary>The addresses, by link.</summary>
    internal IReadOnlyList<FloatingAddresses> Links { get; }

    /// <summary>This node answers for them.</summary>
    internal bool AreHere { get; private set; }

    /// <summary>Packets that the guard has dropped in either direction since it was first installed; 0 without a guard.</summary>
    internal long Fenced => _guard is null || Links.Count == 0 ? 0 : _guard.Dropped(_slot, GuardDirection.Ingress) + _guard.Dropped(_slot, GuardDirection.Egress);

    /// <summary>See <see cref="LeaseGuard.Withheld"/>; 0 without a guard.</summary>
    internal long Withheld => _guard is null || Links.Count == 0 ? 0 : _guard.Withheld(_slot);

    /// <summary>Frames that announced them so far.</summary>
    internal long Announced => Links.Sum(static link => link.Announced);

    /// <summary>When <see cref="AnnounceDue"/> has something to do.</summary>
    internal Timestamp NextDeadline
    {
        get
        {
            Timestamp next = Timestamp.Never;
            for (int i = 0; i < Links.Count; i++) next = Timestamp.Min(next, Links[i].NextDeadline);
            return next;
        }
    }

    /// <summary>State and listeners are there: opens the guard, adds the addresses, announces them. In this order, or the first packets are dropped or refused.</summary>
    internal void Take(Timestamp now, Timestamp leaseUntil)
    {
        AreHere = true;
        Renew(leaseUntil);
        for (int i = 0; i < Links.Count; i++) Links[i].Take(now);
    }

    /// <summary>The lease goes on; one store.</summary>
    internal void Renew(Timestamp leaseUntil)
    {
        if (AreHere && Links.Count > 0) _guard?.Renew(_slot, leaseUntil);
    }

    /// <summary>The lease is over: silent from here on. Removing the addresses is cleaning up.</summary>
    internal void GiveUp()
    {
        if (Links.Count > 0) _guard?.Revoke(_slot);
        if (!AreHere) return;
        AreHere = false;
        for (int i = 0; i < Links.Count; i++) Links[i].GiveUp();
    }

    /// <summary>A member returned, or a link healed.</summary>
    internal void AnnounceAgain(Timestamp now)
    {
        for (int i = 0; i < Links.Count; i++) Links[i].AnnounceAgain(now);
    }

    /// <summary>Sends the announcements that are due.</summary>
    internal void AnnounceDue(Timestamp now)
    {
        for (int i = 0; i < Links.Count; i++) Links[i].AnnounceDue(now);
    }
}
