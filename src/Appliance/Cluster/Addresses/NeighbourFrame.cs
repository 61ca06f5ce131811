using System.Buffers.Binary;
using System.Net;

namespace Appliance.Cluster.Addresses;

/// <summary>Neighbour solicitations and advertisements (RFC 4861 sections 4.3, 4.4) in Ethernet frames: a view, and writers of what a node says about its own address.</summary>
/// <remarks>
/// <code>
///  0             6        12       14    18       20   21     22       38            54     56         58      62       78
///  | destination | source | 0x86dd | ... | length | 58 | 255 | source | destination | type | checksum | flags | target | option: 2, 1, MAC
/// </code>
/// </remarks>
internal readonly ref struct NeighbourFrame
{
    internal const int AdvertisementBytes = 86, ProbeBytes = 78;
    internal const ushort EtherType = 0x86dd;
    internal const byte Solicitation = 135, Advertisement = 136;
    internal const int TypeOffset = 54, NextHeaderOffset = 20;
    internal const byte Icmp6 = 58;
    private const int HopLimitOffset = 21, SourceOffset = 22, DestinationOffset = 38, ChecksumOffset = 56, FlagsOffset = 58, TargetOffset = 62, OptionOffset = 78;
    private const byte Override = 0x20, Router = 0x80, Solicited = 0x40, TargetLinkLayerOption = 2;
    private readonly ReadOnlySpan<byte> _frame;

    private NeighbourFrame(ReadOnlySpan<byte> frame) => _frame = frame;

    internal bool IsAdvertisement => _frame[TypeOffset] == Advertisement;

    /// <summary>An advertisement that answers a solicitation.</summary>
    internal bool IsSolicited => (_frame[FlagsOffset] & Solicited) != 0;

    internal ReadOnlySpan<byte> Source => _frame.Slice(SourceOffset, 16);

    internal ReadOnlySpan<byte> Target => _frame.Slice(TargetOffset, 16);

    /// <summary>Whom it is about: an advertisement's target link-layer option if it is the first option, else the frame's source.</summary>
    internal HardwareAddress Hardware => IsAdvertisement && _frame.Length >= AdvertisementBytes && _frame[OptionOffset] == TargetLinkLayerOption && _frame[OptionOffset + 1] == 1
        ? HardwareAddress.Read(_frame[(OptionOffset + 2)..])
        : HardwareAddress.Read(_frame[6..]);

    /// <summary>False when it is neither; a hop limit below 255 came from another network and is refused (RFC 4861 section 7.1).</summary>
    internal static bool TryParse(ReadOnlySpan<byte> frame, out NeighbourFrame view)
    {
        view = default;
        if (frame.Length < OptionOffset || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != EtherType) return false;
        if (frame[NextHeaderOffset] != Icmp6 || frame[HopLimitOffset] != 255 || frame[TypeOffset] is not (Solicitation or Advertisement)) return false;
        view = new NeighbourFrame(frame);
        return true;
    }

    /// <summary>An unsolicited advertisement to all nodes (RFC 4861 section 7.2.6) that overrides what they hold.</summary>
    /// <param name="frame">At least <see cref="AdvertisementBytes"/>.</param>
    /// <param name="own">MAC of the announcing link.</param>
    /// <param name="address">The address that is announced, and the sender.</param>
    /// <param name="isRouter">The host forwards IPv6; without the flag, who uses it as a router would forget it as one.</param>
    internal static void WriteAdvertisement(Span<byte> frame, HardwareAddress own, IPAddress address, bool isRouter)
    {
        frame = frame[..AdvertisementBytes];
        Write(frame, own, AllNodes);
        address.TryWriteBytes(frame[SourceOffset..], out _);
        frame[TypeOffset] = Advertisement;
        frame[FlagsOffset] = (byte)(Override | (isRouter ? Router : 0));
        address.TryWriteBytes(frame[TargetOffset..], out _);
        frame[OptionOffset] = TargetLinkLayerOption;
        frame[OptionOffset + 1] = 1;
        own.Write(frame[(OptionOffset + 2)..]);
        WriteChecksum(frame);
    }

    /// <summary>A solicitation as duplicate address detection sends it (RFC 4862 section 5.4.2): whoever has the address answers to all nodes.</summary>
    internal static void WriteProbe(Span<byte> frame, HardwareAddress own, IPAddress address)
    {
        frame = frame[..ProbeBytes];
        Span<byte> group = stackalloc byte[16], target = stackalloc byte[16];
        address.TryWriteBytes(target, out _);
        SolicitedNodePrefix.CopyTo(group);
        target[13..].CopyTo(group[13..]);
        Write(frame, own, group);
        frame[TypeOffset] = Solicitation;
        target.CopyTo(frame[TargetOffset..]);
        WriteChecksum(frame);
    }

    private static ReadOnlySpan<byte> AllNodes => [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    private static ReadOnlySpan<byte> SolicitedNodePrefix => [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff];

    private static void Write(Span<byte> frame, HardwareAddress own, ReadOnlySpan<byte> destination)
    {
        frame.Clear();
        frame[0] = frame[1] = 0x33;                                               // RFC 2464 section 7
        destination[12..].CopyTo(frame[2..]);
        own.Write(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], EtherType);
        frame[14] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(frame[18..], (ushort)(frame.Length - TypeOffset));
        frame[NextHeaderOffset] = Icmp6;
        frame[HopLimitOffset] = 255;
        destination.CopyTo(frame[DestinationOffset..]);
    }

    /// <summary>RFC 4443 section 2.3: over both addresses, the length, the next header and the message.</summary>
    private static void WriteChecksum(Span<byte> frame)
    {
        uint sum = (uint)(frame.Length - TypeOffset) + Icmp6;
        for (int offset = SourceOffset; offset < frame.Length; offset += 2) sum += BinaryPrimitives.ReadUInt16BigEndian(frame[offset..]);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(frame[ChecksumOffset..], (ushort)~sum);
    }
}
