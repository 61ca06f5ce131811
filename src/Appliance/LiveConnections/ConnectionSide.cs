using Appliance.TcpStateMirror.Takeover;

namespace Appliance.LiveConnections;

/// <summary>The client's or the server's side of a live connection. Loop thread of the node, except where it says otherwise.</summary>
internal sealed class ConnectionSide
{
    private long _acknowledged;

    /// <summary>What its socket was at the beginning; null before it is recorded.</summary>
    internal SocketRecord? Record { get; set; }

    /// <summary>What it has sent and the other side has not acknowledged; null before it is recorded.</summary>
    internal StreamAssembly? Stream { get; set; }

    /// <summary>When <see cref="SocketRecord.Timestamp"/> was read, on the clock of the primary that made the record; milliseconds.</summary>
    internal long RecordedAt { get; set; }

    /// <summary>The primary has published the record and everything of the stream before this offset; negative: not even the record.</summary>
    internal long PublishedThrough { get; set; } = -1;

    /// <summary>How much of what this side sent the other side has acknowledged, as the relay reads it from the kernel. Written by the relay's thread.</summary>
    internal long Acknowledged
    {
        get => Volatile.Read(ref _acknowledged);
        set => Volatile.Write(ref _acknowledged, value);
    }
}
