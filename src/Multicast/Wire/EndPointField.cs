using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Appliance.Multicast.Wire;

/// <summary>An IP address and port as it stands in JOIN and SETUP.</summary>
/// <remarks>
/// <code>
///  0        1          2      4             20
///  | family | reserved | port | address, zeros |
/// </code>
/// Family: 0 none, 4, 6.
/// </remarks>
internal static class EndPointField
{
    public const int Bytes = 20;

    /// <summary>Whether the family is one of the three.</summary>
    public static bool IsWellFormed(ReadOnlySpan<byte> field) => field[0] is 0 or 4 or 6;

    /// <summary>Reads a well-formed field.</summary>
    public static IPEndPoint? Read(ReadOnlySpan<byte> field)
    {
        int port = BinaryPrimitives.ReadUInt16BigEndian(field[2..]);
        return field[0] switch
        {
            4 => new IPEndPoint(new IPAddress(field.Slice(4, 4)), port),
            6 => new IPEndPoint(new IPAddress(field.Slice(4, 16)), port),
            _ => null,
        };
    }

    /// <summary>Writes a field.</summary>
    public static void Write(Span<byte> destination, IPEndPoint? endPoint)
    {
        destination[..Bytes].Clear();
        if (endPoint is null) return;
        var address = endPoint.Address.IsIPv4MappedToIPv6 ? endPoint.Address.MapToIPv4() : endPoint.Address;
        destination[0] = address.AddressFamily == AddressFamily.InterNetwork ? (byte)4 : (byte)6;
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)endPoint.Port);
        address.TryWriteBytes(destination[4..], out _);
    }
}
