using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>The ones' complement sum of RFC 1071.</summary>
internal static class InternetChecksum
{
    /// <summary>Adds bytes to a sum; all parts but the last must have an even length.</summary>
    public static ulong Add(ulong sum, ReadOnlySpan<byte> bytes)
    {
        // The sum does not depend on the byte order (RFC 1071, section 2B): words are added as they lie in memory.
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            sum += word;
            if (sum < word) sum++;
        }
        ReadOnlySpan<byte> rest = bytes[(bytes.Length & ~7)..];
        Span<byte> last = stackalloc byte[8];
        last.Clear();
        rest.CopyTo(last);
        ulong tail = BitConverter.ToUInt64(last);
        sum += tail;
        return sum < tail ? sum + 1 : sum;
    }

    /// <summary>The complement of the folded sum, as the big-endian number that stands in a header: 0 over a whole correct header.</summary>
    public static ushort Finish(ulong sum)
    {
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        return BinaryPrimitives.ReverseEndianness((ushort)~sum);
    }

    /// <summary>The checksum over one run of bytes.</summary>
    public static ushort Of(ReadOnlySpan<byte> bytes) => Finish(Add(0, bytes));

    /// <summary>The checksum of a TCP segment under its pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1): 0 when it is right.</summary>
    public static ushort OfTcp(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, ReadOnlySpan<byte> segment)
    {
        Span<byte> pseudo = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(pseudo, (uint)segment.Length);
        BinaryPrimitives.WriteUInt32BigEndian(pseudo[4..], TcpView.Protocol);
        ulong sum = Add(Add(Add(0, source), destination), pseudo);
        return Finish(Add(sum, segment));
    }
}
