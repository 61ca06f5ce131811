using System.Net;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Where datagrams come from that are refused for the same reason again and again: what an operator needs in order to find their sender.</summary>
/// <remarks>A single stray or damaged datagram is no news, and neither is a node that restarts before its old life is known to be dead (P-33).</remarks>
internal sealed class RefusedTraffic
{
    /// <summary>After so long without another one it has ended: five times the slowest repetition (<see cref="EngineOptions.JoinInterval"/>).</summary>
    public static readonly TimeSpan EndsAfter = TimeSpan.FromSeconds(5);

    /// <summary>What goes on for so long is no accident: longer than a quick restart takes.</summary>
    public static readonly TimeSpan LastsFrom = TimeSpan.FromSeconds(2);

    private readonly Run[] _runs = new Run[Enum.GetValues<DropReason>().Length];

    /// <summary>Notes a refused datagram.</summary>
    public void Note(Timestamp now, DropReason reason, IPEndPoint source)
    {
        ref var run = ref _runs[(int)reason];
        if (run.Source is null || now - run.Last > EndsAfter) run.First = now;
        run.Last = now;
        run.Source = source;
    }

    /// <summary>Who sent the newest of those that are being refused for a reason; null when none are, or not for long.</summary>
    public IPEndPoint? SourceOf(Timestamp now, DropReason reason)
    {
        ref readonly var run = ref _runs[(int)reason];
        return run.Source is not null && Lasts(now, run.First, run.Last) ? run.Source : null;
    }

    /// <summary>Whether something that happened first and last at these times goes on.</summary>
    public static bool Lasts(Timestamp now, Timestamp first, Timestamp last) => now - last <= EndsAfter && last - first >= LastsFrom;

    private struct Run
    {
        public Timestamp First, Last;
        public IPEndPoint? Source;
    }
}
