namespace Appliance.Multicast.Transport;

/// <summary>Owner of a descriptor in an <see cref="EventLoop"/>.</summary>
public interface IReadinessHandler
{
    /// <summary>The descriptor is ready. Called on the loop thread; must not block.</summary>
    void OnReady(Readiness ready);
}
