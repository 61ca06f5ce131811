using Appliance.Multicast;

namespace Appliance.Cluster.Addresses;

/// <summary>When to announce the addresses that this node owns. No I/O, no clock.</summary>
/// <remarks>Announcements are datagrams and get lost, and switches need a moment to learn: so several, close together at first. RFC 5227 section 2.3 asks for two, 2 s apart; keepalived sends five
/// at once and five after 5 s.</remarks>
internal sealed class AnnouncementSchedule
{
    /// <summary>After the first: 10 ms against a single loss, then spread over the time that a switch port or a spanning tree takes to settle.</summary>
    private static readonly TimeSpan[] Delays =
    [
        TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(150), TimeSpan.FromMilliseconds(500),
        TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10),
    ];

    private readonly TimeSpan _refresh;
    private Timestamp _start;
    private int _step;

    /// <summary>A schedule that is silent until <see cref="Begin"/>.</summary>
    /// <param name="refresh">Between announcements once the first ones are out; zero for no more of them.</param>
    internal AnnouncementSchedule(TimeSpan refresh)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(refresh, TimeSpan.Zero);
        _refresh = refresh;
    }

    /// <summary>How many announcements a beginning makes, without the refreshing ones.</summary>
    internal static int Burst => Delays.Length + 1;

    /// <summary>When the next is due; <see cref="Timestamp.Never"/> while silent.</summary>
    internal Timestamp NextDue { get; private set; } = Timestamp.Never;

    /// <summary>Announce at once and repeat: this node took the addresses, a member returned, or a link healed.</summary>
    internal void Begin(Timestamp now)
    {
        _start = now;
        _step = 0;
        NextDue = now;
    }

    /// <summary>The addresses are given up: nothing more is announced.</summary>
    internal void Stop() => NextDue = Timestamp.Never;

    /// <summary>True when an announcement is due; it counts as made. One that is late does not make others follow it at once.</summary>
    internal bool TryTakeDue(Timestamp now)
    {
        if (now < NextDue) return false;
        while (_step < Delays.Length && _start + Delays[_step] <= now) _step++;
        if (_step < Delays.Length) NextDue = _start + Delays[_step];
        else NextDue = _refresh > TimeSpan.Zero ? now + _refresh : Timestamp.Never;
        return true;
    }
}
