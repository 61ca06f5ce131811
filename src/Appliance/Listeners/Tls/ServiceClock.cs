using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Listeners.Tls;

/// <summary>The service's wall clock (the primary's, by the measured offset) for other loops than the store's: what expires, expires at all nodes at the same moment.</summary>
internal sealed class ServiceClock : IRoundHandler
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private readonly IServiceStore _store;
    private long _offsetMilliseconds;
    private Timestamp _due;

    /// <param name="stateLoop">The loop of the store.</param>
    /// <param name="store">Whose clock it is.</param>
    internal ServiceClock(EventLoop stateLoop, IServiceStore store)
    {
        _store = store;
        stateLoop.Add(this);
    }

    /// <summary>Milliseconds since the Unix epoch. Any thread.</summary>
    internal long NowMilliseconds => EventLoop.ReadWallClock() + Volatile.Read(ref _offsetMilliseconds);

    /// <inheritdoc/>
    public Timestamp NextDeadline => _due;

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        if (now < _due) return;
        _due = now + Interval;
        Volatile.Write(ref _offsetMilliseconds, _store.NowMilliseconds - EventLoop.ReadWallClock());
    }
}
