using System.Runtime.CompilerServices;
using Appliance.State;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>The five-tuple without direction: the lower end first.</summary>
internal readonly struct FlowKey
{
    private const int MaxHashedBytes = 16 + 16 + 2 + 2 + 1;

    /// <summary>The two ends.</summary>
    public readonly IpAddressBytes Low, High;

    /// <summary>Their ports: the lower end's in the upper half.</summary>
    public readonly uint Ports;

    private FlowKey(in IpAddressBytes low, in IpAddressBytes high, uint ports) => (Low, High, Ports) = (low, high, ports);

    /// <summary>The key of a segment.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="fromLower">Its sender is the lower end.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FlowKey Of(scoped in TcpSegment segment, out bool fromLower)
    {
        var source = new IpAddressBytes(segment.Source);
        var destination = new IpAddressBytes(segment.Destination);
        uint from = segment.Tcp.SourcePort, to = segment.Tcp.DestinationPort;
        int order = source.CompareTo(destination);
        fromLower = order < 0 || (order == 0 && from <= to);
        return fromLower ? new FlowKey(source, destination, from << 16 | to) : new FlowKey(destination, source, to << 16 | from);
    }

    /// <summary>BUZhash over addresses, ports and protocol.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Hash(BuzHash hash)
    {
        Span<byte> bytes = stackalloc byte[MaxHashedBytes];
        int length = Low.CopyTo(bytes);
        length += High.CopyTo(bytes[length..]);
        BitConverter.TryWriteBytes(bytes[length..], Ports);
        bytes[length + sizeof(uint)] = TcpView.Protocol;
        return hash.Hash(bytes[..(length + sizeof(uint) + 1)]);
    }

    /// <summary>The same five-tuple.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Equals(in FlowKey other) => Ports == other.Ports && Low.Equals(other.Low) && High.Equals(other.High);
}
