namespace Appliance.Multicast.Transport;

/// <summary>What a descriptor is watched for (values of epoll, uapi/linux/eventpoll.h).</summary>
[Flags]
public enum Readiness : uint
{
    /// <summary>Nothing: errors and hang-ups are reported all the same.</summary>
    None = 0,

    /// <summary>Readable.</summary>
    Read = 0x001,

    /// <summary>Writable.</summary>
    Write = 0x004,

    /// <summary>Error; always reported.</summary>
    Error = 0x008,

    /// <summary>Hang-up; always reported.</summary>
    HangUp = 0x010,

    /// <summary>The peer shut down its sending side.</summary>
    PeerClosed = 0x2000,

    /// <summary>Reported when it changes only (EPOLLET): no call is needed to stop and resume watching.</summary>
    EdgeTriggered = 0x8000_0000,
}
