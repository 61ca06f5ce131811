using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Cluster.Addresses;

/// <summary>Drives an <see cref="Announcer"/> by an <see cref="AnnouncementSchedule"/> on the loop.</summary>
/// <remarks>Loop thread.</remarks>
internal sealed class Announcements : IRoundHandler, IDisposable
{
    private readonly AnnouncementSchedule _schedule;
    private readonly Announcer _announcer;

    /// <summary>Silent until <see cref="Begin"/>; the announcer is this object's from now on.</summary>
    internal Announcements(Announcer announcer, TimeSpan refresh)
    {
        _announcer = announcer;
        _schedule = new AnnouncementSchedule(refresh);
    }

    /// <inheritdoc/>
    public Timestamp NextDeadline => _schedule.NextDue;

    /// <summary>Announces before it returns, then repeats: after the addresses were added, when a member returned, when a link healed.</summary>
    internal void Begin(Timestamp now)
    {
        _schedule.Begin(now);
        OnRoundEnd(now);
    }

    /// <summary>Nothing more is announced.</summary>
    internal void Stop() => _schedule.Stop();

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        // A refusal is counted by the announcer and repaired by the next repetition.
        if (_schedule.TryTakeDue(now)) _ = _announcer.Announce();
    }

    /// <inheritdoc/>
    public void Dispose() => _announcer.Dispose();
}
