using Appliance.Multicast;

namespace Appliance.Listeners.Resp;

/// <summary>What commands may ask of the listener that they came through.</summary>
internal interface IRespServer
{
    /// <summary>When it began to listen.</summary>
    Timestamp StartedAt { get; }

    /// <summary>Port of the first address it listens on; 0 when it does not.</summary>
    int Port { get; }

    /// <summary>Clients connected now.</summary>
    IEnumerable<RespClient> Clients { get; }
}
