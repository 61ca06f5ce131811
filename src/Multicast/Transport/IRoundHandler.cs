namespace Appliance.Multicast.Transport;

/// <summary>Something that acts once per round of an <see cref="EventLoop"/>, after all ready descriptors were served.</summary>
public interface IRoundHandler
{
    /// <summary>Ends the round: flush, timers, deferred replies. Called on the loop thread; must not block.</summary>
    void OnRoundEnd(Timestamp now);

    /// <summary>When the next round must start even if no descriptor is ready; <see cref="Timestamp.Never"/> for no deadline.</summary>
    Timestamp NextDeadline { get; }
}
