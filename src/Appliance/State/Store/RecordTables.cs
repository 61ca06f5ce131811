using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Appliance.State;

/// <summary>What <see cref="RecordTables.Merge"/> did with a record that came from elsewhere.</summary>
internal enum MergeOutcome : byte
{
    /// <summary>It was newer than what was held.</summary>
    Applied,

    /// <summary>What is held is as new or newer.</summary>
    Stale,

    /// <summary>A field of a hash that has been deleted since.</summary>
    Dead,

    /// <summary>The memory limit does not allow it: this node no longer holds the complete state.</summary>
    Full,
}

/// <summary>
/// The records of one service on this node: one table of keys, one of the fields of hashes (A10). Knows how a hash and its fields hang together; knows
/// nothing of the group, of time, or of clients. Loop thread only, except that the tables may be scanned by others.
/// </summary>
/// <remarks>
/// <para>A hash's head stands among the keys. Its value here is <c>generation u64 big-endian | newest change u64 | last field u32</c>; only the generation
/// travels. Its links are the first field's handle and the number of live fields; a field's links are its successor and predecessor.</para>
/// <para>A hash that is deleted or replaced leaves its chain of fields to <see cref="Purge"/>, which frees it in bounded steps: the fields are dead at
/// once because no head names their generation.</para>
/// <para>A field may arrive before its head, when a snapshot and the stream overtake each other. A placeholder then stands in for the head, unseen by readers,
/// with the version before the generation, so that the true head replaces it.</para>
/// </remarks>
internal sealed class RecordTables : IDisposable
{
    private const int HeadValueBytes = 20, LastFieldOffset = 16;
    private readonly Queue<uint> _chains = new();
    private readonly byte[] _headValue = new byte[HeadValueBytes];
    private readonly long _hardLimitBytes, _everBytes;
    private uint _purging;
    private long _placeholders;

    /// <param name="hash">The group's hash.</param>
    /// <param name="limitBytes">Memory limit of the service's records.</param>
    /// <param name="maxKeyBytes">Longest key, and longest name of a field.</param>
    /// <param name="maxValueBytes">Longest value.</param>
    internal RecordTables(BuzHash hash, long limitBytes, int maxKeyBytes, int maxValueBytes)
    {
        LimitBytes = limitBytes;
        // A member must not fail where the primary did not: its index may have grown at another moment.
        _hardLimitBytes = limitBytes + limitBytes / 8 + (8 << 20);
        _everBytes = limitBytes * 2 + (64 << 20); // address space, no memory
        Keys = new StateTable(new StateTableOptions
        {
            Hash = hash,
            MaxBytes = _everBytes,
            MaxKeyBytes = maxKeyBytes,
            MaxValueBytes = maxValueBytes,
            LinkedKinds = 1UL << (int)RecordKind.Hash,
        });
        Fields = new StateTable(new StateTableOptions
        {
            Hash = hash,
            MaxBytes = _everBytes,
            MaxKeyBytes = Math.Min(ushort.MaxValue, HashFieldKey.Bytes(maxKeyBytes, maxKeyBytes)),
            MaxValueBytes = maxValueBytes,
            LinkedKinds = 1UL << (int)RecordKind.HashField,
        });
    }

    /// <summary>Records by key; heads of hashes among them.</summary>
    internal StateTable Keys { get; }

    /// <summary>Fields of hashes by <see cref="HashFieldKey"/>.</summary>
    internal StateTable Fields { get; }

    /// <summary>Memory limit.</summary>
    internal long LimitBytes { get; }

    /// <summary>Stores cannot fail: the limit was checked before (<see cref="IServiceStore.CheckWrite"/>), and a promised write may not be lost to rounding.</summary>
    internal bool IsUnlimited { get; set; }

    /// <summary>Native memory held, with what lies free between records.</summary>
    internal long UsedBytes => Keys.BytesUsed + Fields.BytesUsed;

    /// <summary>Memory that records and indexes need: what the limit limits.</summary>
    internal long LiveBytes => Keys.BytesLive + Fields.BytesLive;

    /// <summary>Keys that are neither deleted nor placeholders; expired ones count until they are swept.</summary>
    internal long LiveKeys => Keys.Count - Tombstones(Keys) - _placeholders;

    /// <summary>Tombstones in both tables.</summary>
    internal long TombstoneCount => Tombstones(Keys) + Tombstones(Fields);

    /// <summary>Fields of deleted hashes are waiting for <see cref="Purge"/>.</summary>
    internal bool HasChains => _purging != 0 || _chains.Count > 0;

    /// <summary>Totals of a class over both tables.</summary>
    internal RecordUsage UsageOf(RecordClass recordClass)
    {
        RecordUsage keys = Keys.UsageOf(0, recordClass), fields = Fields.UsageOf(0, recordClass);
        return new RecordUsage(keys.Records + fields.Records, keys.Tombstones + fields.Tombstones, keys.Bytes + fields.Bytes);
    }

    /// <summary>A record's key is deleted, or only a placeholder stands there.</summary>
    internal static bool IsHidden(in RecordHeader header) => header.Tombstone || (header.Local & LocalFlags.Placeholder) != 0;

    /// <summary>Generation of a hash's head.</summary>
    internal static ulong GenerationOf(scoped in RecordView head) => BinaryPrimitives.ReadUInt64BigEndian(head.Value);

    /// <summary>Version of the newest change of a hash or one of its fields.</summary>
    internal static ulong NewestChangeOf(scoped in RecordView head) => MemoryMarshal.Read<ulong>(head.Value[8..]);

    /// <summary>Live fields of a hash.</summary>
    internal int FieldCountOf(uint head) => (int)Keys.Link1(head);

    /// <summary>First field of a hash; 0 for none. Tombstones are among the fields.</summary>
    internal uint FirstFieldOf(uint head) => Keys.Link0(head);

    /// <summary>The next field; 0 after the last.</summary>
    internal uint NextFieldOf(uint field) => Fields.Link0(field);

    /// <summary>Stores a single value or a tombstone under a key, whatever it held.</summary>
    /// <returns>False when the memory limit does not allow it; nothing has changed then.</returns>
    internal bool PutValue(ReadOnlySpan<byte> key, ulong hash, in RecordHeader header, ReadOnlySpan<byte> value)
    {
        uint chain = ChainUnder(key, hash, out bool wasPlaceholder);
        LimitKeys();
        uint handle = Keys.Upsert(key, hash, header, value, out UpsertOutcome outcome);
        if (outcome == UpsertOutcome.Full) return Refuse();
        if (header.Tombstone) Keys.Compact(handle);
        Abandon(chain, wasPlaceholder);
        return true;
    }

    /// <summary>Stores the head of a hash. Fields of the same generation stay with it, fields of another are dead.</summary>
    /// <returns>The head's handle; 0 when the memory limit does not allow it.</returns>
    internal uint PutHead(ReadOnlySpan<byte> key, ulong hash, in RecordHeader header, ulong generation)
    {
        uint held = Keys.Find(key, hash);
        if (held != 0)
        {
            RecordView view = Keys.View(held);
            if (view.Header is { Kind: RecordKind.Hash, Tombstone: false } && GenerationOf(view) == generation)
            {
                if ((view.Header.Local & LocalFlags.Placeholder) != 0) _placeholders--;
                Keys.SetHeader(held, header);
                NoteChange(held, header.Version);
                return held;
            }
        }
        uint chain = ChainUnder(key, hash, out bool wasPlaceholder);
        BinaryPrimitives.WriteUInt64BigEndian(_headValue, generation);
        MemoryMarshal.Write(_headValue.AsSpan(8), header.Version);
        MemoryMarshal.Write(_headValue.AsSpan(LastFieldOffset), 0);
        LimitKeys();
        uint head = Keys.Upsert(key, hash, header, _headValue, out UpsertOutcome outcome);
        if (outcome == UpsertOutcome.Full) return Refuse() ? head : 0;
        Keys.Link0(head) = 0;
        Keys.Link1(head) = 0;
        Abandon(chain, wasPlaceholder);
        if ((header.Local & LocalFlags.Placeholder) != 0) _placeholders++;
        return head;
    }

    /// <summary>Stores a field, or its tombstone, of the generation that the head has.</summary>
    /// <returns>False when the memory limit does not allow it; nothing has changed then.</returns>
    internal bool PutField(uint head, ReadOnlySpan<byte> fieldKey, ulong hash, in RecordHeader header, ReadOnlySpan<byte> value)
    {
        uint held = Fields.Find(fieldKey, hash);
        bool wasLive = held != 0 && !Fields.View(held).Header.Tombstone;
        Fields.MaxBytes = IsUnlimited ? _everBytes : Math.Max(0, _hardLimitBytes - Keys.BytesLive);
        uint field = Fields.Upsert(fieldKey, hash, header, value, out UpsertOutcome outcome);
        if (outcome == UpsertOutcome.Full) return Refuse();
        if (held == 0) LinkLast(head, field);
        if (wasLive == header.Tombstone) Keys.Link1(head) += header.Tombstone ? uint.MaxValue : 1;
        NoteChange(head, header.Version);
        if (header.Tombstone) CompactField(head, field);
        return true;
    }

    /// <summary>Takes a record that came from the stream or from a snapshot if it is newer than what is held: in any order the result is the same (ARCHITECTURE 3, step 4).</summary>
    /// <param name="record">The record.</param>
    /// <param name="hash">Hash of its key.</param>
    /// <param name="flags">Flags to set on the record, also when what is held is as new.</param>
    internal MergeOutcome Merge(in EncodedRecord record, ulong hash, LocalFlags flags)
    {
        if (record.Kind == RecordKind.HashField) return MergeField(record, hash, flags);
        ReadOnlySpan<byte> key = record.Key;
        ulong version = record.Version.Value;
        uint held = Keys.Find(key, hash);
        if (held != 0)
        {
            RecordHeader heldHeader = Keys.View(held).Header;
            if (heldHeader.Version >= version)
            {
                if (flags != LocalFlags.None) Keys.SetHeader(held, heldHeader with { Local = heldHeader.Local | flags });
                return MergeOutcome.Stale;
            }
        }
        RecordHeader header = HeaderOf(record, flags);
        if (record.Kind == RecordKind.Hash && !header.Tombstone)
            return PutHead(key, hash, header, BinaryPrimitives.ReadUInt64BigEndian(record.Value)) != 0 ? MergeOutcome.Applied : MergeOutcome.Full;
        return PutValue(key, hash, header, record.Value) ? MergeOutcome.Applied : MergeOutcome.Full;
    }

    /// <summary>Removes a key for good, without a tombstone.</summary>
    internal void RemoveKey(uint handle)
    {
        RecordView view = Keys.View(handle);
        bool isHash = view.Header is { Kind: RecordKind.Hash, Tombstone: false };
        uint chain = isHash ? Keys.Link0(handle) : 0;
        bool wasPlaceholder = (view.Header.Local & LocalFlags.Placeholder) != 0;
        Keys.Remove(handle);
        Abandon(chain, wasPlaceholder);
    }

    /// <summary>Removes a field for good, without a tombstone; one that waits for <see cref="Purge"/> is left to it.</summary>
    /// <returns>True when it was removed.</returns>
    internal bool RemoveField(uint handle)
    {
        RecordView field = Fields.View(handle);
        if (!HashFieldKey.TryParse(field.Key, out HashFieldKey name)) throw new InvalidOperationException("a field's key is damaged");
        uint head = LiveHeadOf(name);
        if (head == 0) return false;
        uint next = Fields.Link0(handle), previous = Fields.Link1(handle);
        if (next != 0) Fields.Link1(next) = previous;
        if (previous != 0) Fields.Link0(previous) = next;
        else Keys.Link0(head) = next;
        if (next == 0) SetLastField(head, previous);
        if (!field.Header.Tombstone) Keys.Link1(head)--;
        Fields.Remove(handle);
        return true;
    }

    /// <summary>Frees fields of deleted hashes.</summary>
    /// <param name="fields">How many, at most.</param>
    internal void Purge(int fields)
    {
        while (fields-- > 0)
        {
            if (_purging == 0 && !_chains.TryDequeue(out _purging)) return;
            uint next = Fields.Link0(_purging);
            Fields.Remove(_purging);
            _purging = next;
        }
    }

    /// <summary>Gives the memory back. Nobody may be scanning.</summary>
    public void Dispose()
    {
        Keys.Dispose();
        Fields.Dispose();
    }

    private MergeOutcome MergeField(in EncodedRecord record, ulong hash, LocalFlags flags)
    {
        if (!HashFieldKey.TryParse(record.Key, out HashFieldKey name)) throw new InvalidOperationException("the codec let a damaged field key pass");
        ulong keyHash = Keys.Hash(name.Key);
        uint head = Keys.Find(name.Key, keyHash);
        if (head != 0)
        {
            RecordView view = Keys.View(head);
            bool isHash = view.Header is { Kind: RecordKind.Hash, Tombstone: false };
            ulong heldGeneration = isHash ? GenerationOf(view) : view.Header.Version;
            if (heldGeneration > name.Generation) return MergeOutcome.Dead;
            if (!isHash || heldGeneration != name.Generation) head = 0;
        }
        if (head == 0) head = PutPlaceholder(name, keyHash, record.Class);
        if (head == 0) return MergeOutcome.Full;
        uint held = Fields.Find(record.Key, hash);
        if (held != 0)
        {
            RecordHeader heldHeader = Fields.View(held).Header;
            if (heldHeader.Version >= record.Version.Value)
            {
                if (flags != LocalFlags.None) Fields.SetHeader(held, heldHeader with { Local = heldHeader.Local | flags });
                return MergeOutcome.Stale;
            }
        }
        return PutField(head, record.Key, hash, HeaderOf(record, flags), record.Value) ? MergeOutcome.Applied : MergeOutcome.Full;
    }

    private uint PutPlaceholder(in HashFieldKey name, ulong keyHash, RecordClass recordClass)
    {
        var header = new RecordHeader
        {
            Version = name.Generation - 1,
            Class = recordClass,
            Kind = RecordKind.Hash,
            Local = LocalFlags.Placeholder,
        };
        return PutHead(name.Key, keyHash, header, name.Generation);
    }

    // The head that names this field's generation; 0 when the field is dead.
    private uint LiveHeadOf(in HashFieldKey name)
    {
        uint head = Keys.Find(name.Key, Keys.Hash(name.Key));
        if (head == 0) return 0;
        RecordView view = Keys.View(head);
        return view.Header is { Kind: RecordKind.Hash, Tombstone: false } && GenerationOf(view) == name.Generation ? head : 0;
    }

    private static RecordHeader HeaderOf(in EncodedRecord record, LocalFlags flags) => new()
    {
        Version = record.Version.Value,
        ExpiryMilliseconds = record.ExpiryMilliseconds,
        Class = record.Class,
        Kind = record.Kind,
        Tombstone = record.IsTombstone,
        Local = flags,
    };

    private void LinkLast(uint head, uint field)
    {
        uint last = Unsafe.ReadUnaligned<uint>(in Keys.View(head).Value[LastFieldOffset]);
        Fields.Link0(field) = 0;
        Fields.Link1(field) = last;
        if (last != 0) Fields.Link0(last) = field;
        else Keys.Link0(head) = field;
        SetLastField(head, field);
    }

    private void CompactField(uint head, uint field)
    {
        uint moved = Fields.Compact(field);
        if (moved == field) return;
        uint next = Fields.Link0(moved), previous = Fields.Link1(moved);
        if (next != 0) Fields.Link1(next) = moved;
        else SetLastField(head, moved);
        if (previous != 0) Fields.Link0(previous) = moved;
        else Keys.Link0(head) = moved;
    }

    private void SetLastField(uint head, uint field) =>
        Unsafe.WriteUnaligned(ref MemoryMarshal.GetReference(Keys.View(head).Value[LastFieldOffset..]), field);

    // The value lies in the table's own memory. Readers on other threads copy it, but use the generation only, so a torn copy of the rest does no harm.
    private void NoteChange(uint head, ulong version)
    {
        ref byte newest = ref MemoryMarshal.GetReference(Keys.View(head).Value[8..]);
        if (Unsafe.ReadUnaligned<ulong>(ref newest) < version) Unsafe.WriteUnaligned(ref newest, version);
    }

    private uint ChainUnder(ReadOnlySpan<byte> key, ulong hash, out bool isPlaceholder)
    {
        isPlaceholder = false;
        uint held = Keys.Find(key, hash);
        if (held == 0) return 0;
        RecordHeader header = Keys.View(held).Header;
        isPlaceholder = (header.Local & LocalFlags.Placeholder) != 0;
        return header is { Kind: RecordKind.Hash, Tombstone: false } ? Keys.Link0(held) : 0;
    }

    private void Abandon(uint chain, bool wasPlaceholder)
    {
        if (wasPlaceholder) _placeholders--;
        if (chain != 0) _chains.Enqueue(chain);
    }

    private bool Refuse() => IsUnlimited ? throw new InvalidOperationException("the kernel gives no more memory for a write that was promised") : false;

    private void LimitKeys() => Keys.MaxBytes = IsUnlimited ? _everBytes : Math.Max(0, _hardLimitBytes - Fields.BytesLive);

    private static long Tombstones(StateTable table)
    {
        long count = 0;
        for (int i = 0; i < RecordCodec.ClassCount; i++) count += table.UsageOf(0, (RecordClass)i).Tombstones;
        return count;
    }
}
