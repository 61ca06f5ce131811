using System.Runtime.InteropServices;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>What a netlink message says about one interface.</summary>
/// <param name="Index">The interface.</param>
/// <param name="Carries">It is up and has a carrier.</param>
/// <param name="MtuBytes">Its MTU; 0 when the message does not say.</param>
public readonly record struct LinkState(int Index, bool Carries, int MtuBytes);

/// <summary>Reads RTM_NEWLINK and RTM_DELLINK out of a block of netlink messages (linux/rtnetlink.h).</summary>
/// <remarks>
/// <code>
///  0        4      6       8       12     16       17    18     20      24      28       32
///  | length | type | flags | seq   | pid  | family | pad | type | index | flags | change | attributes: length u16, type u16, value, padded to 4
/// </code>
/// Host byte order; messages padded to 4.
/// </remarks>
internal static class LinkMessages
{
    private const int HeaderBytes = 16, LinkBytes = 16, NewLink = 16, DeleteLink = 17, AttributeMtu = 4;

    /// <summary>Takes the next message about a link off the block.</summary>
    /// <returns>False when there is none any more; a malformed rest ends the block.</returns>
    internal static bool TryRead(ref ReadOnlySpan<byte> block, out LinkState state)
    {
        state = default;
        while (block.Length >= HeaderBytes)
        {
            int length = MemoryMarshal.Read<int>(block);
            if (length < HeaderBytes || length > block.Length) break;
            ReadOnlySpan<byte> message = block[..length];
            block = block[Math.Min(block.Length, Align(length))..];
            int type = MemoryMarshal.Read<ushort>(message[4..]);
            if (type is not (NewLink or DeleteLink) || length < HeaderBytes + LinkBytes) continue;
            int index = MemoryMarshal.Read<int>(message[20..]);
            uint flags = MemoryMarshal.Read<uint>(message[24..]);
            const uint carrying = Interfaces.Up | Interfaces.LowerUp;
            state = new LinkState(index, type == NewLink && (flags & carrying) == carrying, ReadMtu(message[(HeaderBytes + LinkBytes)..]));
            return true;
        }
        block = default;
        return false;
    }

    private static int ReadMtu(ReadOnlySpan<byte> attributes)
    {
        while (attributes.Length >= 4)
        {
            int length = MemoryMarshal.Read<ushort>(attributes);
            if (length < 4 || length > attributes.Length) return 0;
            if (MemoryMarshal.Read<ushort>(attributes[2..]) == AttributeMtu && length >= 8) return MemoryMarshal.Read<int>(attributes[4..]);
            attributes = attributes[Math.Min(attributes.Length, Align(length))..];
        }
        return 0;
    }

    private static int Align(int length) => (length + 3) & ~3;
}
