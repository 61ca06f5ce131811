using Appliance.Multicast.Transport;

namespace Appliance.Multicast;

/// <summary>The heartbeat thread's doings.</summary>
public sealed record HeartbeatStatus
{
    /// <summary>Beats sent.</summary>
    public required long Sent { get; init; }

    /// <summary>Beats of others received.</summary>
    public required long Received { get; init; }

    /// <summary>Beats not sent because something hung.</summary>
    public required long Withheld { get; init; }

    /// <summary>Beats whose time had passed when the thread ran again.</summary>
    public required long Skipped { get; init; }

    /// <summary>Received beats dropped because the loop did not take them.</summary>
    public required long RingOverruns { get; init; }

    /// <summary>Received beats dropped by the kernel.</summary>
    public required long ReceiveDrops { get; init; }

    /// <summary>How late the beats were sent; live.</summary>
    public required LatenessHistogram Lateness { get; init; }

    /// <summary>What hangs, so that no beats are sent; null while all turns.</summary>
    public required string? Hanging { get; init; }

    /// <summary>Why the thread has no real-time priority; null when it has.</summary>
    public required string? WhyNotRealtime { get; init; }

    /// <summary>Why the process's memory is not locked; null when it is.</summary>
    public required string? WhyNotLocked { get; init; }
}
