using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>What a <see cref="FlowTable{TSink}"/> has seen.</summary>
public sealed class FlowCounters
{
    private readonly long[] _verdicts = new long[Enum.GetValues<PacketVerdict>().Length];

    /// <summary>All frames.</summary>
    public long Frames { get; internal set; }

    /// <summary>Connections begun.</summary>
    public long Connections { get; internal set; }

    /// <summary>Connections told before their end because the table was full.</summary>
    public long Evictions { get; internal set; }

    /// <summary>Connections whose hellos were not read because too many handshakes were under way.</summary>
    public long HellosSkipped { get; internal set; }

    /// <summary>Segments whose option list was malformed; they count as segments.</summary>
    public long MalformedOptions { get; internal set; }

    /// <summary>Hellos that no TLS peer would send.</summary>
    public long MalformedHellos { get; internal set; }

    /// <summary>Frames with a verdict.</summary>
    public long this[PacketVerdict verdict] => _verdicts[(int)verdict];

    internal void Count(PacketVerdict verdict)
    {
        Frames++;
        _verdicts[(int)verdict]++;
    }
}
