namespace Appliance.Listeners.Http;

/// <summary>What is left in a head that goes on, of what may be taken out.</summary>
[Flags]
internal enum HttpLeft
{
    /// <summary>Nothing of it.</summary>
    None = 0,

    /// <summary>What the client says of those that it speaks for, in front of what this side says.</summary>
    ForwardedFor = 1,

    /// <summary>That it asks for WebSocket.</summary>
    Upgrade = 2,

    /// <summary>Who it says to be: users do not log in here.</summary>
    Authorization = 4,
}
