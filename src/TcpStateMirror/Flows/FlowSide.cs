using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>One direction of a connection: what its sender's headers say. Changed by <see cref="FlowTable{TSink}"/> alone.</summary>
public sealed class FlowSide
{
    internal SequenceAnalysis Analysis;
    internal uint FinEnd;
    internal bool HasFin, HasSyn;

    /// <summary>The sender's address.</summary>
    public IpAddressBytes Address { get; internal set; }

    /// <summary>The sender's port.</summary>
    public ushort Port { get; internal set; }

    /// <summary>The sender's state, as far as the segments seen tell.</summary>
    public TcpState State { get; internal set; }

    /// <summary>Segments.</summary>
    public long Packets { get; internal set; }

    /// <summary>Bytes of payload, repeated ones included.</summary>
    public long Bytes { get; internal set; }

    /// <summary>Sequence number of the first segment.</summary>
    public uint FirstSequence { get; internal set; }

    /// <summary>Sequence number of the last segment.</summary>
    public uint LastSequence { get; internal set; }

    /// <summary>The number behind the highest byte, SYN or FIN that was sent: what the other side acknowledges when it has everything.</summary>
    public uint NextSequence { get; internal set; }

    /// <summary>An acknowledgement was seen.</summary>
    public bool HasAcknowledgement { get; internal set; }

    /// <summary>The first acknowledgement number.</summary>
    public uint FirstAcknowledgement { get; internal set; }

    /// <summary>The last acknowledgement number.</summary>
    public uint LastAcknowledgement { get; internal set; }

    /// <summary>The window field of the last segment, unscaled.</summary>
    public ushort Window { get; internal set; }

    /// <summary>The window scale option of the SYN; null without one, or when the SYN was not seen.</summary>
    public byte? WindowScale { get; internal set; }

    /// <summary>The segment size option of the SYN; null without one.</summary>
    public ushort? SegmentSize { get; internal set; }

    /// <summary>The SYN permits selective acknowledgements.</summary>
    public bool PermitsSack { get; internal set; }

    /// <summary>Segments that carried SACK blocks.</summary>
    public long SackSegments { get; internal set; }

    /// <summary>A timestamp was seen.</summary>
    public bool HasTimestamps { get; internal set; }

    /// <summary>The sender's clock in the first and in the last segment with a timestamp.</summary>
    public uint FirstTimestamp { get; internal set; }

    /// <summary>See <see cref="FirstTimestamp"/>.</summary>
    public uint LastTimestamp { get; internal set; }

    /// <summary>The value that the last segment with a timestamp echoes.</summary>
    public uint LastTimestampEcho { get; internal set; }

    /// <summary>All flags of all segments.</summary>
    public TcpFlags Flags { get; internal set; }

    /// <summary>Segments that repeat what was seen before (docs/capture.md).</summary>
    public long Retransmissions { get; internal set; }

    /// <summary>Segments that others overtook (docs/capture.md).</summary>
    public long OutOfOrder { get; internal set; }

    /// <summary>Segments whose option list was malformed.</summary>
    public long MalformedOptions { get; internal set; }

    internal void Clear()
    {
        Analysis = SequenceAnalysis.Fresh;
        (HasFin, HasSyn, HasAcknowledgement, PermitsSack, HasTimestamps) = (false, false, false, false, false);
        (WindowScale, SegmentSize) = (null, null);
        (Packets, Bytes, SackSegments, Retransmissions, OutOfOrder, MalformedOptions) = (0, 0, 0, 0, 0, 0);
        (FirstSequence, LastSequence, NextSequence, FirstAcknowledgement, LastAcknowledgement, FinEnd) = (0, 0, 0, 0, 0, 0);
        (FirstTimestamp, LastTimestamp, LastTimestampEcho) = (0, 0, 0);
        (State, Flags, Window) = (TcpState.Closed, TcpFlags.None, 0);
    }
}
