using System.Globalization;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Host;

/// <summary>
/// Notices that the wall clock was set, and that members' clocks differ. Leases, votes and the guard run on the boot clock, which nobody can set; lifetimes of records are wall times, and
/// move with the primary's clock. Loop thread.
/// </summary>
internal sealed class ClockWatch : IRoundHandler
{
    /// <summary>More is no correction by a time server, which slews, and no late look; less harms no lifetime.</summary>
    internal const long NoticedMilliseconds = 1000;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1), ShownFor = TimeSpan.FromMinutes(10);
    private readonly Func<long> _wallMilliseconds;
    private readonly Action<string> _warn;
    private long? _difference;
    private string? _jump;
    private Timestamp _jumpedAt;
    private Timestamp _due;

    /// <param name="wallMilliseconds">The wall clock.</param>
    /// <param name="warn">Told one sentence when it was set.</param>
    internal ClockWatch(Func<long> wallMilliseconds, Action<string> warn)
    {
        _wallMilliseconds = wallMilliseconds;
        _warn = warn;
    }

    /// <inheritdoc/>
    public Timestamp NextDeadline => _due;

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        if (now < _due) return;
        _due = now + Interval;
        long difference = _wallMilliseconds() - now.Nanoseconds / 1_000_000, jump = difference - _difference ?? 0;
        _difference = difference;
        if (Math.Abs(jump) < NoticedMilliseconds) return;
        _jump = string.Create(CultureInfo.InvariantCulture, $"this node's wall clock was set {(jump > 0 ? "forward" : "back")} by {Seconds(jump)}: while it is primary, lifetimes of records end {(jump > 0 ? "earlier" : "later")} by as much; leases are not touched");
        _jumpedAt = now;
        _warn(_jump);
    }

    /// <summary>What an operator should know of clocks, a sentence each.</summary>
    internal IEnumerable<string> Warnings(Timestamp now, IEnumerable<GroupMember> members)
    {
        if (_jump is not null && now < _jumpedAt + ShownFor) yield return _jump;
        foreach (GroupMember member in members)
        {
            long offset = member.ClockOffsetMilliseconds;
            if (member.State == MemberState.Live && Math.Abs(offset) >= NoticedMilliseconds)
                yield return $"the wall clock of '{member.Name}' is {Seconds(offset)} {(offset > 0 ? "ahead of" : "behind")} this node's: lifetimes of records change by as much when a service moves between them; let both follow a time server";
        }
    }

    private static string Seconds(long milliseconds) => string.Create(CultureInfo.InvariantCulture, $"{Math.Abs(milliseconds) / 1000.0:0.0} s");
}
