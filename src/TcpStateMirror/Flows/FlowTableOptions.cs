namespace Appliance.TcpStateMirror.Flows;

/// <summary>Bounds and times of a <see cref="FlowTable{TSink}"/>.</summary>
public sealed record FlowTableOptions
{
    /// <summary>Connections at a time. 65,536: about 70 MiB when all are in use.</summary>
    public int Capacity { get; init; } = 65536;

    /// <summary>An open connection without a segment for this long has ended. 2 h 4 min: no middlebox may forget it sooner (RFC 5382, REQ-5).</summary>
    public TimeSpan EstablishedIdle { get; init; } = TimeSpan.FromMinutes(124);

    /// <summary>The same while it opens or closes. 4 min (RFC 5382, REQ-5).</summary>
    public TimeSpan TransitoryIdle { get; init; } = TimeSpan.FromMinutes(4);

    /// <summary>How long a closed connection waits for late segments before it is told. 4 min: twice the maximum segment lifetime (RFC 9293 section 3.4.2).</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMinutes(4);

    /// <summary>Handshakes of TLS that are put together at a time. 1,024: each takes about 100 KiB.</summary>
    public int MaxHandshakes { get; init; } = 1024;

    /// <summary>Refuse segments with wrong checksums. Off: a capture on the sending host shows checksums that its card fills in later.</summary>
    public bool VerifyChecksums { get; init; }

    /// <summary>Datagrams that do not pass it are not looked at; null for all. For input that the kernel has not filtered.</summary>
    public Capture.CaptureFilter? Filter { get; init; }

    /// <summary>Read TLS hellos.</summary>
    public bool ReadTls { get; init; } = true;
}
