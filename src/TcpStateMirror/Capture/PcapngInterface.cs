using System.Buffers.Binary;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Capture;

/// <summary>An interface description block of pcapng: link type, and how the interface's timestamps count.</summary>
/// <param name="Link">Link type.</param>
/// <param name="SnapLength">Longest capture of a frame; 0 for no limit.</param>
/// <param name="TicksPerSecond">Resolution of timestamps (if_tsresol).</param>
/// <param name="OffsetSeconds">What is added to them (if_tsoffset).</param>
internal readonly record struct PcapngInterface(LinkType Link, uint SnapLength, ulong TicksPerSecond, long OffsetSeconds)
{
    private const int ResolutionOption = 9, OffsetOption = 14;
    private const ulong Microseconds = 1_000_000, Nanoseconds = 1_000_000_000;

    /// <summary>Reads a block's body.</summary>
    public static PcapngInterface Parse(ReadOnlySpan<byte> body, bool littleEndian)
    {
        ushort Half(ReadOnlySpan<byte> bytes, int at) => littleEndian ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]) : BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
        uint snapLength = littleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(body[4..]) : BinaryPrimitives.ReadUInt32BigEndian(body[4..]);
        ulong ticks = Microseconds;
        long offset = 0;
        ReadOnlySpan<byte> options = body[8..];
        while (options.Length >= 4 && Half(options, 0) != 0)
        {
            int length = Half(options, 2), padded = (length + 3) & ~3;
            if (4 + padded > options.Length) break;
            ReadOnlySpan<byte> value = options.Slice(4, length);
            if (Half(options, 0) == ResolutionOption && length == 1) ticks = Resolution(value[0]);
            if (Half(options, 0) == OffsetOption && length == 8) offset = littleEndian ? BinaryPrimitives.ReadInt64LittleEndian(value) : BinaryPrimitives.ReadInt64BigEndian(value);
            options = options[(4 + padded)..];
        }
        return new PcapngInterface((LinkType)Half(body, 0), snapLength, ticks, offset);
    }

    /// <summary>A timestamp as nanoseconds since 1970 UTC.</summary>
    public long ToNanoseconds(ulong ticks)
    {
        ulong seconds = ticks / TicksPerSecond, rest = ticks % TicksPerSecond;
        ulong fraction = TicksPerSecond <= Nanoseconds && Nanoseconds % TicksPerSecond == 0 ? rest * (Nanoseconds / TicksPerSecond) : (ulong)((UInt128)rest * Nanoseconds / TicksPerSecond);
        return unchecked(((long)seconds + OffsetSeconds) * (long)Nanoseconds + (long)fraction);
    }

    // The upper bit tells powers of two from powers of ten; finer than 64 bits can count is no clock.
    private static ulong Resolution(byte value)
    {
        int exponent = value & 0x7f;
        if ((value & 0x80) != 0) return exponent < 64 ? 1UL << exponent : Microseconds;
        ulong ticks = 1;
        for (int i = 0; i < exponent && i < 19; i++) ticks *= 10;
        return ticks;
    }
}
