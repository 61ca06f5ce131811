using System.Buffers.Binary;
using System.Net;

namespace Appliance.Cluster.Addresses;

/// <summary>ARP for IPv4 over Ethernet (RFC 826): a view, and writers of what a node says about its own address (RFC 5227).</summary>
/// <remarks>
/// <code>
///  0             6        12      14      16      18  19  20     22           28          32           38          42
///  | destination | source | 0x0806 | 0x0001 | 0x0800 | 6 | 4 | what | sender MAC | sender IP | target MAC | target IP |
/// </code>
/// </remarks>
internal readonly ref struct ArpFrame
{
    internal const int FrameBytes = 42;
    internal const ushort EtherType = 0x0806, Request = 1, Reply = 2;
    private readonly ReadOnlySpan<byte> _frame;

    private ArpFrame(ReadOnlySpan<byte> frame) => _frame = frame;

    internal ushort Operation => BinaryPrimitives.ReadUInt16BigEndian(_frame[20..]);

    internal HardwareAddress SenderHardware => HardwareAddress.Read(_frame[22..]);

    internal ReadOnlySpan<byte> Sender => _frame.Slice(28, 4);

    internal ReadOnlySpan<byte> Target => _frame.Slice(38, 4);

    /// <summary>False when it is no ARP of that kind.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> frame, out ArpFrame view)
    {
        view = default;
        if (frame.Length < FrameBytes || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != EtherType) return false;
        if (!frame.Slice(14, 6).SequenceEqual(Kind)) return false;
        view = new ArpFrame(frame);
        return view.Operation is Request or Reply;
    }

    /// <summary>An announcement (RFC 5227 section 2.3): sender and target are the address. Some devices heed only one of the two operations, so both are sent.</summary>
    internal static void WriteAnnouncement(Span<byte> frame, HardwareAddress own, IPAddress address, ushort operation)
    {
        Write(frame, own, operation, address);
        address.TryWriteBytes(frame[28..], out _);
        // RFC 5227 leaves the target MAC of a request to the sender; in a reply it is who is told: everyone.
        (operation == Reply ? HardwareAddress.Broadcast : default).Write(frame[32..]);
    }

    /// <summary>A probe (RFC 5227 section 2.1.1): whoever has the address answers; no cache learns from it, for it has no sender address.</summary>
    internal static void WriteProbe(Span<byte> frame, HardwareAddress own, IPAddress address) => Write(frame, own, Request, address);

    private static ReadOnlySpan<byte> Kind => [0, 1, 8, 0, 6, 4];

    private static void Write(Span<byte> frame, HardwareAddress own, ushort operation, IPAddress target)
    {
        frame[..FrameBytes].Clear();
        HardwareAddress.Broadcast.Write(frame);
        own.Write(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], EtherType);
        Kind.CopyTo(frame[14..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[20..], operation);
        own.Write(frame[22..]);
        target.TryWriteBytes(frame[38..], out _);
    }
}
