using System.Buffers.Binary;

namespace Appliance.Multicast.Wire;

/// <summary>What a HEARTBEAT or PROBE says of its sender.</summary>
[Flags]
internal enum BeatFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The sender holds the complete state.</summary>
    Synchronised = 1,

    /// <summary>There is an entry for every member the sender has admitted.</summary>
    AllEntries = 2,
}

/// <summary>What the sender of a beat says of one member.</summary>
[Flags]
internal enum BeatEntryFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The member's datagrams arrive on the group socket (P-90).</summary>
    GroupHeard = 1,

    /// <summary>The member's datagrams arrive on the unicast socket.</summary>
    UnicastHeard = 2,

    /// <summary>The sender does not wait for the member (P-75).</summary>
    NotWaitedFor = 4,
}

/// <summary>One member in a beat.</summary>
/// <param name="Node">The member.</param>
/// <param name="Incarnation">Its life.</param>
/// <param name="EchoSent">When the member sent the newest beat that arrived here, on its own clock in nanoseconds; 0: none yet.</param>
/// <param name="HeldMicroseconds">How long ago that arrived.</param>
/// <param name="Flags">Paths and more.</param>
internal readonly record struct BeatEntry(NodeId Node, ulong Incarnation, ulong EchoSent, uint HeldMicroseconds, BeatEntryFlags Flags);

/// <summary>The body of a HEARTBEAT or PROBE. Rules P-80 to P-86, P-90 and P-100.</summary>
/// <remarks>
/// <code>
///  0      8      16        24       32             36      37      38                    40
///  | sent | wall | highest | oldest | state number | flags | count | extension bytes u16 | entries | extension
///  entry, 32 bytes: | node u64 | incarnation u64 | echo sent u64 | held us u32 | flags u8 | reserved 3 |
/// </code>
/// </remarks>
internal readonly ref struct BeatView
{
    public const int HeaderBytes = 40, EntryBytes = 32, HeldOffset = 24, ExtensionLengthOffset = 38;

    /// <summary>Longest extension. Room for it is kept in every datagram, so that entries never push it out (P-101).</summary>
    public const int MaxExtensionBytes = 600;
    private readonly ReadOnlySpan<byte> _body;

    private BeatView(ReadOnlySpan<byte> body) => _body = body;

    /// <summary>The sender's monotonic clock in nanoseconds.</summary>
    public ulong Sent => BinaryPrimitives.ReadUInt64BigEndian(_body);

    /// <summary>The sender's wall clock in milliseconds since 1970.</summary>
    public long WallMilliseconds => BinaryPrimitives.ReadInt64BigEndian(_body[8..]);

    /// <summary>The newest sequence that was sent.</summary>
    public ulong Highest => BinaryPrimitives.ReadUInt64BigEndian(_body[16..]);

    /// <summary>The oldest sequence that the sender can still repair.</summary>
    public ulong Oldest => BinaryPrimitives.ReadUInt64BigEndian(_body[24..]);
    public uint StateNumber => BinaryPrimitives.ReadUInt32BigEndian(_body[32..]);
    public BeatFlags Flags => (BeatFlags)_body[36];
    public int EntryCount => _body[37];

    /// <summary>What the layer above the sender says; opaque here (P-100).</summary>
    public ReadOnlySpan<byte> Extension => _body[(HeaderBytes + EntryCount * EntryBytes)..];

    public BeatEntry this[int index]
    {
        get
        {
            var e = _body.Slice(HeaderBytes + index * EntryBytes, EntryBytes);
            return new BeatEntry(new NodeId(BinaryPrimitives.ReadUInt64BigEndian(e)), BinaryPrimitives.ReadUInt64BigEndian(e[8..]),
                BinaryPrimitives.ReadUInt64BigEndian(e[16..]), BinaryPrimitives.ReadUInt32BigEndian(e[HeldOffset..]), (BeatEntryFlags)e[28]);
        }
    }

    /// <summary>Entries that fit into a datagram beside the longest extension.</summary>
    public static int MaxEntries(int datagramBytes) =>
        Math.Min(byte.MaxValue, (datagramBytes - DatagramHeader.Bytes - DatagramHeader.TagBytes - HeaderBytes - MaxExtensionBytes) / EntryBytes);

    /// <summary>Validates everything once.</summary>
    public static DropReason TryParse(ReadOnlySpan<byte> body, out BeatView view)
    {
        view = default;
        if (body.Length < HeaderBytes) return DropReason.Truncated;
        int extension = BinaryPrimitives.ReadUInt16BigEndian(body[ExtensionLengthOffset..]);
        if (extension > MaxExtensionBytes || body.Length != HeaderBytes + body[37] * EntryBytes + extension) return DropReason.Malformed;
        var candidate = new BeatView(body);
        if (candidate.Highest > long.MaxValue || candidate.Oldest == 0 || candidate.Oldest > candidate.Highest + 1) return DropReason.Malformed;
        view = candidate;
        return DropReason.None;
    }

    /// <summary>Writes the part before the entries, without an extension.</summary>
    public static void WriteHeader(Span<byte> destination, ulong sent, long wallMilliseconds, ulong highest, ulong oldest, uint stateNumber, BeatFlags flags, int entryCount)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, sent);
        BinaryPrimitives.WriteInt64BigEndian(destination[8..], wallMilliseconds);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], highest);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], oldest);
        BinaryPrimitives.WriteUInt32BigEndian(destination[32..], stateNumber);
        destination[36] = (byte)flags;
        destination[37] = (byte)entryCount;
        destination[38] = destination[39] = 0;
    }

    /// <summary>Writes the extension behind the last entry, and its length into the header.</summary>
    /// <returns>Length of the body.</returns>
    public static int WriteExtension(Span<byte> destination, int entryCount, ReadOnlySpan<byte> extension)
    {
        int at = HeaderBytes + entryCount * EntryBytes;
        extension.CopyTo(destination[at..]);
        BinaryPrimitives.WriteUInt16BigEndian(destination[ExtensionLengthOffset..], (ushort)extension.Length);
        return at + extension.Length;
    }

    /// <summary>Writes one entry.</summary>
    public static void WriteEntry(Span<byte> destination, int index, in BeatEntry entry)
    {
        var e = destination.Slice(HeaderBytes + index * EntryBytes, EntryBytes);
        BinaryPrimitives.WriteUInt64BigEndian(e, entry.Node.Value);
        BinaryPrimitives.WriteUInt64BigEndian(e[8..], entry.Incarnation);
        BinaryPrimitives.WriteUInt64BigEndian(e[16..], entry.EchoSent);
        BinaryPrimitives.WriteUInt32BigEndian(e[HeldOffset..], entry.HeldMicroseconds);
        BinaryPrimitives.WriteUInt32BigEndian(e[28..], (uint)entry.Flags << 24);
    }
}
