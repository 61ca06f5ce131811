using Appliance.Configuration;
using Appliance.Interop;

namespace Appliance.Listeners.Tls;

/// <summary>A login that is being looked at.</summary>
internal sealed class LoginRequest
{
    /// <summary>Who may log in.</summary>
    internal required Credentials Credentials { get; init; }

    /// <summary>Who says to be it.</summary>
    internal required string Name { get; init; }

    /// <summary>Overwritten when it was checked; empty for a token.</summary>
    internal required byte[] Password { get; init; }

    /// <summary>What the session carries; empty when there is no session to keep it with.</summary>
    internal required byte[] Handle { get; init; }

    /// <summary>How long the login holds.</summary>
    internal required TimeSpan Lifetime { get; init; }

    /// <summary>Whose connection it is.</summary>
    internal required SocketAddressBytes Client { get; init; }

    /// <summary>Told on the loop of the handshakes, with whether it was accepted.</summary>
    internal required Action<LoginRequest, bool> Done { get; init; }

    /// <summary>It stands in the service's state.</summary>
    internal bool IsKept { get; set; }
}
