using System.Net;
using Appliance.Cluster.Addresses;
using Appliance.Interop;
using Appliance.Multicast;

namespace Appliance.Cluster.Failover;

/// <summary>The virtual addresses of one service on one link: taken, announced, given up. Loop thread; nothing here starts a process or waits.</summary>
internal sealed class FloatingAddresses : IDisposable
{
    private readonly VirtualAddressSet _set;
    private readonly Announcer _announcer;
    private readonly AnnouncementSchedule _schedule = new(TimeSpan.FromSeconds(60));
    private readonly Action<string> _warn;
    private int _lastRefusal;

    /// <param name="link">Name of the link.</param>
    /// <param name="addresses">The addresses.</param>
    /// <param name="warn">Told in one sentence what the kernel refused.</param>
    /// <exception cref="NetworkSetupException">There is no such link, or this process may not announce on it.</exception>
    internal FloatingAddresses(string link, IReadOnlyList<IPAddress> addresses, Action<string> warn)
    {
        using var undo = new DisposeStack();
        _set = undo.Add(new VirtualAddressSet(link, addresses));
        _announcer = new Announcer(_set.Link, addresses, isRouter: false);
        _warn = warn;
        undo.Keep();
    }

    /// <summary>The link, as it was at the start.</summary>
    internal NetworkLink Link => _set.Link;

    /// <summary>The addresses.</summary>
    internal IReadOnlyList<IPAddress> Addresses => _set.Addresses;

    /// <summary>They are on the link.</summary>
    internal bool AreHere { get; private set; }

    /// <summary>When <see cref="AnnounceDue"/> has something to do.</summary>
    internal Timestamp NextDeadline => _schedule.NextDue;

    /// <summary>Frames that announced them so far.</summary>
    internal long Announced => _announcer.FramesSent;

    /// <summary>Adds them and announces at once. The guard must be open, or nobody hears it.</summary>
    internal void Take(Timestamp now)
    {
        Report(_set.Add(), "be added to");
        AreHere = true;
        AnnounceAgain(now);
        AnnounceDue(now);
    }

    /// <summary>Removes them; also what an earlier life of this node left.</summary>
    internal void GiveUp()
    {
        _schedule.Stop();
        AreHere = false;
        Report(_set.Remove(), "be removed from");
    }

    /// <summary>A member returned, or a link healed: what it knew may be old.</summary>
    internal void AnnounceAgain(Timestamp now)
    {
        if (AreHere) _schedule.Begin(now);
    }

    /// <summary>Sends the announcements that are due.</summary>
    internal void AnnounceDue(Timestamp now)
    {
        if (!_schedule.TryTakeDue(now)) return;
        int refusal = _announcer.Announce();
        if (refusal != 0 && refusal != _lastRefusal) _warn($"{Link.Name} refused announcements of {string.Join(", ", Addresses)}: {Errno.Text(refusal)}");
        _lastRefusal = refusal;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _announcer.Dispose();
        _set.Dispose();
    }

    private void Report(AddressOutcome outcome, string what)
    {
        if (outcome.IsComplete) return;
        string which = outcome.FailedIndex < 0 ? string.Join(", ", Addresses) : Addresses[outcome.FailedIndex].ToString();
        _warn($"{which} cannot {what} {Link.Name}: {Errno.Text(outcome.Error)}");
    }
}
