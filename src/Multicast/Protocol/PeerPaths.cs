namespace Appliance.Multicast.Protocol;

/// <summary>Which paths between this node and one member work, in both directions. Rules P-90 to P-94.</summary>
internal struct PeerPaths
{
    /// <summary>Datagrams on the group socket that prove it healed.</summary>
    public const int HealedAfter = 5;

    private Timestamp _groupAt;
    private Timestamp _unicastAt;
    private int _groupSinceLost;

    /// <summary>Its multicast does not arrive here, while its unicast does.</summary>
    public bool GroupLost { get; private set; }

    /// <summary>Our unicast does not arrive there, while our multicast does: as it told us.</summary>
    public bool UnicastLost { get; set; }

    /// <summary>Its unicast arrives here.</summary>
    public bool UnicastHeard { get; private set; }

    /// <summary>Starts watching: nothing is lost yet.</summary>
    public void Begin(Timestamp judging)
    {
        _groupAt = _unicastAt = judging;
        UnicastHeard = true;
    }

    /// <summary>A datagram of the member came.</summary>
    public void Heard(ReceivePath path, Timestamp judging)
    {
        if (path == ReceivePath.Group)
        {
            _groupAt = Timestamp.Max(_groupAt, judging);
            if (GroupLost && ++_groupSinceLost >= HealedAfter) GroupLost = false;
        }
        else if (path == ReceivePath.Unicast)
        {
            _unicastAt = Timestamp.Max(_unicastAt, judging);
            UnicastHeard = true;
        }
    }

    /// <summary>A pause of this node was discounted: nothing was heard later than now.</summary>
    public void EndPause(Timestamp judging)
    {
        _groupAt = Timestamp.Min(_groupAt, judging);
        _unicastAt = Timestamp.Min(_unicastAt, judging);
    }

    /// <summary>Judges both paths; a path is lost only while the other one works.</summary>
    public void Judge(Timestamp judging, TimeSpan lostAfter)
    {
        bool groupSilent = judging - _groupAt > lostAfter, unicastSilent = judging - _unicastAt > lostAfter;
        if (groupSilent && !unicastSilent)
        {
            GroupLost = true;
            _groupSinceLost = 0;
        }
        UnicastHeard = !unicastSilent || groupSilent && UnicastHeard;
    }
}
