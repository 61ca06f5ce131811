using System.Buffers.Binary;
using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>What a node claims about a service.</summary>
internal enum ElectionRole : byte
{
    /// <summary>Nothing: it follows.</summary>
    None,

    /// <summary>It asks for votes in its term.</summary>
    Candidate,

    /// <summary>It has won its term and holds a lease.</summary>
    Primary,
}

/// <summary>More about a node and a service.</summary>
[Flags]
internal enum SectionFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>It was restarted and does not hold the state yet.</summary>
    Recovering = 1,

    /// <summary>Its checks pass and its service link carries.</summary>
    Healthy = 2,

    /// <summary>The operator drained it.</summary>
    Drained = 4,

    /// <summary>The primary has cut and owns the address.</summary>
    Serving = 8,

    /// <summary>The operator accepts that acknowledged writes are lost.</summary>
    LossAccepted = 16,

    /// <summary>It is nominated, and needs no disk any more to be elected.</summary>
    Prepared = 32,

    /// <summary>It started less than dead-after ago, and neither votes nor stands yet.</summary>
    Abstains = 64,
}

/// <summary>What a node says about one service in each beat.</summary>
/// <param name="Term">The newest term in which it voted or followed.</param>
/// <param name="Role">What it claims in that term.</param>
/// <param name="Flags">More.</param>
/// <param name="Bound">Slot of the node that it voted for, or whose claim it echoes, in that term; <see cref="BeatExtension.NoSlot"/>: it is free.</param>
/// <param name="Transfer">Slot to which it has just handed the service over; of a primary: whom it nominates, while its synchronised set is committed.</param>
/// <param name="Supports">Slots for which it would vote now.</param>
/// <param name="Priority">Its priority.</param>
/// <param name="BoundSent">When the bound node sent the newest claim that arrived, on that node's clock: the echo.</param>
/// <param name="Set">The newest synchronised set that it has stored.</param>
/// <param name="Position">How far its state reaches.</param>
internal readonly record struct ServiceSection(uint Term, ElectionRole Role, SectionFlags Flags, byte Bound, byte Transfer, ushort Supports, byte Priority, ulong BoundSent,
    SynchronisedSet Set, ulong Position);

/// <summary>The extension of a beat that carries the elections. docs/decisions/0006 draws it.</summary>
/// <remarks>
/// <code>
///  0        1       2          3   4             8        16          20            24             28
///  | format | flags | sections | 0 | publication | digest | view term | view number | content hash | sections | view
///  section, 40 bytes: | term u32 | role u8 | flags u8 | bound u8 | transfer u8 | supports u16 | priority u8 | 0 | bound sent u64 |
///                     | set term u32 | set number u32 | set members u16 | 0 u16 | position u64 |
///  view, if flag 1:   | key epoch u16 | slots u8 | 0 | slots x (node u64, role u8) |
/// </code>
/// </remarks>
internal readonly ref struct BeatExtension
{
    /// <summary>No slot.</summary>
    internal const byte NoSlot = 0xFF;

    /// <summary>Longest extension: nine sections and a view of sixteen members.</summary>
    internal const int MaxBytes = HeaderBytes + (ElectionOptions.MaxServices + 1) * SectionBytes + ViewHeaderBytes + ElectionOptions.MaxMembers * SlotBytes;

    private const byte Format = 1, HasView = 1;
    private const int HeaderBytes = 28, SectionBytes = 40, ViewHeaderBytes = 4, SlotBytes = 9;
    private readonly ReadOnlySpan<byte> _bytes;

    private BeatExtension(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>Counts what the sender publishes in its life: a lower one is older.</summary>
    internal uint Publication => BinaryPrimitives.ReadUInt32BigEndian(_bytes[4..]);

    /// <summary>The sender's group-wide settings.</summary>
    internal ulong Digest => BinaryPrimitives.ReadUInt64BigEndian(_bytes[8..]);

    /// <summary>Version of the sender's view: term.</summary>
    internal uint ViewTerm => BinaryPrimitives.ReadUInt32BigEndian(_bytes[16..]);

    /// <summary>Version of the sender's view: number.</summary>
    internal uint ViewNumber => BinaryPrimitives.ReadUInt32BigEndian(_bytes[20..]);

    /// <summary>What the view says (<see cref="GroupView.ContentHash"/>): only between equal views slots mean the same.</summary>
    internal uint ViewHash => BinaryPrimitives.ReadUInt32BigEndian(_bytes[24..]);

    /// <summary>Number of sections.</summary>
    internal int Sections => _bytes[2];

    /// <summary>The view itself is in here.</summary>
    internal bool CarriesView => (_bytes[1] & HasView) != 0;

    /// <summary>What the sender says about a service.</summary>
    internal ServiceSection this[int index]
    {
        get
        {
            ReadOnlySpan<byte> s = _bytes.Slice(HeaderBytes + index * SectionBytes, SectionBytes);
            var set = new SynchronisedSet(BinaryPrimitives.ReadUInt32BigEndian(s[20..]), BinaryPrimitives.ReadUInt32BigEndian(s[24..]), BinaryPrimitives.ReadUInt16BigEndian(s[28..]));
            return new ServiceSection(BinaryPrimitives.ReadUInt32BigEndian(s), (ElectionRole)s[4], (SectionFlags)s[5], s[6], s[7], BinaryPrimitives.ReadUInt16BigEndian(s[8..]), s[10],
                BinaryPrimitives.ReadUInt64BigEndian(s[12..]), set, BinaryPrimitives.ReadUInt64BigEndian(s[32..]));
        }
    }

    /// <summary>Validates everything once; what is not understood is refused as a whole.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> bytes, out BeatExtension extension)
    {
        extension = default;
        if (bytes.Length < HeaderBytes || bytes[0] != Format || bytes[2] > ElectionOptions.MaxServices + 1) return false;
        int end = HeaderBytes + bytes[2] * SectionBytes;
        if (bytes.Length < end) return false;
        for (int at = HeaderBytes; at < end; at += SectionBytes)
        {
            ReadOnlySpan<byte> s = bytes.Slice(at, SectionBytes);
            if (BinaryPrimitives.ReadUInt32BigEndian(s) > ElectionEngine.MaxTerm || s[4] > (byte)ElectionRole.Primary) return false;
            if (!IsSlot(s[6]) || !IsSlot(s[7])) return false;
        }
        if ((bytes[1] & HasView) != 0 && !IsView(bytes[end..], out end, end)) return false;
        if (bytes.Length != end) return false;
        extension = new BeatExtension(bytes);
        return true;
    }

    /// <summary>The view that it carries. Allocates: views change rarely.</summary>
    internal GroupView ReadView()
    {
        ReadOnlySpan<byte> view = _bytes[(HeaderBytes + Sections * SectionBytes)..];
        Span<ViewSlot> slots = stackalloc ViewSlot[view[2]];
        for (int i = 0; i < slots.Length; i++)
        {
            ReadOnlySpan<byte> slot = view.Slice(ViewHeaderBytes + i * SlotBytes, SlotBytes);
            slots[i] = new ViewSlot(new NodeId(BinaryPrimitives.ReadUInt64BigEndian(slot)), (SlotRole)slot[8]);
        }
        return new GroupView(ViewTerm, ViewNumber, BinaryPrimitives.ReadUInt16BigEndian(view), slots);
    }

    /// <summary>Writes an extension into a buffer of <see cref="MaxBytes"/>.</summary>
    /// <returns>Its length.</returns>
    internal static int Write(Span<byte> destination, uint publication, ulong digest, GroupView view, bool withView, ReadOnlySpan<ServiceSection> sections)
    {
        destination[0] = Format;
        destination[1] = withView ? HasView : (byte)0;
        destination[2] = (byte)sections.Length;
        destination[3] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], publication);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], digest);
        BinaryPrimitives.WriteUInt32BigEndian(destination[16..], view.Term);
        BinaryPrimitives.WriteUInt32BigEndian(destination[20..], view.Number);
        BinaryPrimitives.WriteUInt32BigEndian(destination[24..], view.ContentHash);
        int at = HeaderBytes;
        foreach (ref readonly ServiceSection section in sections)
        {
            WriteSection(destination.Slice(at, SectionBytes), section);
            at += SectionBytes;
        }
        return withView ? at + WriteView(destination[at..], view) : at;
    }

    private static void WriteSection(Span<byte> s, in ServiceSection section)
    {
        s.Clear();
        BinaryPrimitives.WriteUInt32BigEndian(s, section.Term);
        s[4] = (byte)section.Role;
        s[5] = (byte)section.Flags;
        s[6] = section.Bound;
        s[7] = section.Transfer;
        BinaryPrimitives.WriteUInt16BigEndian(s[8..], section.Supports);
        s[10] = section.Priority;
        BinaryPrimitives.WriteUInt64BigEndian(s[12..], section.BoundSent);
        BinaryPrimitives.WriteUInt32BigEndian(s[20..], section.Set.Term);
        BinaryPrimitives.WriteUInt32BigEndian(s[24..], section.Set.Number);
        BinaryPrimitives.WriteUInt16BigEndian(s[28..], section.Set.Members);
        BinaryPrimitives.WriteUInt64BigEndian(s[32..], section.Position);
    }

    private static int WriteView(Span<byte> destination, GroupView view)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination, view.KeyEpoch);
        destination[2] = (byte)view.Slots.Length;
        destination[3] = 0;
        int at = ViewHeaderBytes;
        foreach (ViewSlot slot in view.Slots)
        {
            BinaryPrimitives.WriteUInt64BigEndian(destination[at..], slot.Node.Value);
            destination[at + 8] = (byte)slot.Role;
            at += SlotBytes;
        }
        return at;
    }

    private static bool IsSlot(byte slot) => slot is NoSlot or < ElectionOptions.MaxMembers;

    private static bool IsView(ReadOnlySpan<byte> view, out int end, int start)
    {
        end = start;
        if (view.Length < ViewHeaderBytes || view[2] > ElectionOptions.MaxMembers || view.Length != ViewHeaderBytes + view[2] * SlotBytes) return false;
        for (int i = 0; i < view[2]; i++)
        {
            ReadOnlySpan<byte> slot = view.Slice(ViewHeaderBytes + i * SlotBytes, SlotBytes);
            bool vacant = BinaryPrimitives.ReadUInt64BigEndian(slot) == 0;
            if (slot[8] > (byte)SlotRole.Witness || vacant != (slot[8] == (byte)SlotRole.Vacant)) return false;
            for (int j = 0; j < i && !vacant; j++)
                if (view.Slice(ViewHeaderBytes + j * SlotBytes, 8).SequenceEqual(slot[..8])) return false;
        }
        end = start + view.Length;
        return true;
    }
}
