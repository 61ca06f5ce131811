using System.Buffers.Binary;
using System.Net;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.Tests.TcpStateMirror.Packets;

/// <summary>Builds datagrams and frames of the tests with right lengths and checksums.</summary>
internal static class Frames
{
    internal static readonly IPAddress Client = IPAddress.Parse("192.0.2.1"), Server = IPAddress.Parse("198.51.100.2"), Client6 = IPAddress.Parse("2001:db8::1"), Server6 = IPAddress.Parse("2001:db8::2");

    /// <summary>A TCP segment in an IP datagram of the addresses' family.</summary>
    internal static byte[] Datagram(IPAddress from, IPAddress to, ushort fromPort, ushort toPort, uint sequence, uint acknowledgement, TcpFlags flags, ReadOnlySpan<byte> payload = default, ushort window = 1000, byte[]? options = null)
    {
        options ??= [];
        byte[] tcp = new byte[20 + options.Length + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(tcp, fromPort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(2), toPort);
        BinaryPrimitives.WriteUInt32BigEndian(tcp.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp.AsSpan(8), acknowledgement);
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(12), (ushort)((20 + options.Length) / 4 << 12 | (int)flags));
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(14), window);
        options.CopyTo(tcp, 20);
        payload.CopyTo(tcp.AsSpan(20 + options.Length));
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(16), InternetChecksum.OfTcp(from.GetAddressBytes(), to.GetAddressBytes(), tcp));
        return from.GetAddressBytes().Length == 4 ? IPv4(from, to, tcp) : IPv6(from, to, 6, tcp);
    }

    internal static byte[] IPv4(IPAddress from, IPAddress to, ReadOnlySpan<byte> payload, int fragmentField = 0, byte[]? options = null, byte protocol = 6)
    {
        options ??= [];
        byte[] bytes = new byte[20 + options.Length + payload.Length];
        bytes[0] = (byte)(0x40 | (20 + options.Length) / 4);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)bytes.Length);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(4), 77);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(6), (ushort)fragmentField);
        (bytes[8], bytes[9]) = (64, protocol);
        from.GetAddressBytes().CopyTo(bytes, 12);
        to.GetAddressBytes().CopyTo(bytes, 16);
        options.CopyTo(bytes, 20);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(10), InternetChecksum.Of(bytes.AsSpan(0, 20 + options.Length)));
        payload.CopyTo(bytes.AsSpan(20 + options.Length));
        return bytes;
    }

    internal static byte[] IPv6(IPAddress from, IPAddress to, byte next, ReadOnlySpan<byte> payload)
    {
        byte[] bytes = new byte[40 + payload.Length];
        bytes[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(4), (ushort)payload.Length);
        (bytes[6], bytes[7]) = (next, 64);
        from.GetAddressBytes().CopyTo(bytes, 8);
        to.GetAddressBytes().CopyTo(bytes, 24);
        payload.CopyTo(bytes.AsSpan(40));
        return bytes;
    }

    internal static byte[] Ethernet(byte[] datagram) => [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, .. datagram[0] >> 4 == 4 ? new byte[] { 8, 0 } : [0x86, 0xdd], .. datagram];

    /// <summary>A record with a ClientHello that has everything.</summary>
    internal static byte[] ClientHello() => Record(1, [3, 3, .. Enumerable.Repeat((byte)7, 32), 4, 1, 2, 3, 4, 0, 2, 0x13, 1, 1, 0, .. Vector(
        [.. Extension(0, Vector([0, .. Vector("shop.example"u8)])), .. Extension(16, Vector([2, (byte)'h', (byte)'2', 8, .. "http/1.1"u8])), .. Extension(35, "a ticket"u8), .. Extension(43, [4, 0x1a, 0x1a, 3, 4]),
         .. Extension(41, [.. Vector([.. Vector("an identity"u8), 0, 0, 0, 1]), .. Vector([2, 9, 9])])])]);

    /// <summary>A record with a ServerHello.</summary>
    internal static byte[] ServerHello(bool tls13) => Record(2, [3, 3, .. Enumerable.Repeat((byte)8, 32), 4, 1, 2, 3, 4, tls13 ? (byte)0x13 : (byte)0xc0, tls13 ? (byte)1 : (byte)0x2f, 0,
        .. Vector([.. tls13 ? Extension(43, [3, 4]) : Extension(16, Vector([2, (byte)'h', (byte)'2']))])]);

    /// <summary>A record with a NewSessionTicket of TLS 1.2.</summary>
    internal static byte[] NewSessionTicket() => Record(4, [0, 0, 1, 44, .. Vector("the ticket"u8)]);

    internal static byte[] Record(byte type, byte[] body) => [22, 3, 1, .. Length(body.Length + 4), type, 0, .. Length(body.Length), .. body];

    private static byte[] Extension(ushort type, ReadOnlySpan<byte> value) => [.. Length(type), .. Vector(value)];

    private static byte[] Vector(ReadOnlySpan<byte> value) => [.. Length(value.Length), .. value];

    private static byte[] Length(int length) => [(byte)(length >> 8), (byte)length];
}
