using System.Numerics;
using System.Runtime.CompilerServices;

namespace Appliance.State;

/// <content>How a record gets into its slot, changes there, and leaves it.</content>
internal sealed unsafe partial class StateTable
{
    private uint Find(byte* key, int keyBytes, ulong hash)
    {
        var index = IndexOf(hash, out ulong homeBucket);
        byte* home = index.Bucket(homeBucket);
        byte tag = TableIndex.TagOf(hash);
        int probe = 0;
        for (byte* bucket = home; bucket != null; bucket = index.NextAway(home, ref probe))
        {
            for (uint match = TableIndex.Match(bucket, tag); match != 0; match &= match - 1)
            {
                uint handle = TableIndex.Handle(bucket, BitOperations.TrailingZeroCount(match));
                var slot = SlotOf(handle);
                if (slot.KeyLength == keyBytes && ByteBlocks.AreEqual(slot.Key, key, keyBytes)) return handle;
            }
        }
        return 0;
    }

    private uint Insert(byte* key, int keyBytes, ulong hash, in RecordHeader header, byte* value, int valueBytes)
    {
        if (!MayHoldOneMore()) return 0;
        var index = IndexOf(hash, out _);
        var place = index.FreePlace(hash);
        if (place.Bucket == null) return 0;

        bool linked = IsLinked(header.Kind);
        int inlineBytes = RecordSlot.InlineBytes(keyBytes, valueBytes, linked), leastBytes = RecordSlot.LeastBytes(keyBytes);
        bool inline = inlineBytes <= RecordSlot.MaxInlineBytes;
        int sizeClass = SizeClasses.IndexOf(inline ? Math.Max(inlineBytes, leastBytes) : leastBytes);
        int areaBytes = AreaBytes(valueBytes, linked);
        long needed = SizeClasses.BytesOf(sizeClass) + (inline ? 0 : ElsewhereBytes(areaBytes));
        if (BytesLive + needed > _maxBytes) return 0;

        uint handle = _arena.Allocate(SlotUse.Record, sizeClass);
        if (handle == 0) return 0;
        uint elsewhere = 0;
        if (!inline && !TryAllocateElsewhere(areaBytes, out elsewhere))
        {
            _arena.Free(handle);
            return 0;
        }

        var slot = SlotOf(handle);
        slot.SetKeyLength(keyBytes);
        slot.SetHeader(header, inline ? valueBytes : -1);
        ByteBlocks.Copy(slot.Key, key, keyBytes);
        if (inline)
        {
            WriteArea(slot.InlineArea(linked), linked, 0, value, valueBytes);
        }
        else
        {
            WriteArea(AddressOf(elsewhere, areaBytes), linked, 0, value, valueBytes);
            slot.Place = PlaceWord(elsewhere, valueBytes);
        }
        slot.EndWrite();
        TableIndex.Publish(place, hash, handle);
        Account(header, keyBytes + valueBytes, 1);
        Volatile.Write(ref _count, _count + 1);
        return handle;
    }

    private bool Replace(uint handle, in RecordHeader header, byte* value, int valueBytes)
    {
        var slot = SlotOf(handle);
        var oldHeader = slot.Header;
        bool wasLinked = IsLinked(oldHeader.Kind), linked = IsLinked(header.Kind);
        bool wasElsewhere = slot.HasValueElsewhere;
        byte* oldArea = AreaOf(slot, wasLinked, out int oldValueBytes);
        int oldAreaBytes = AreaBytes(oldValueBytes, wasLinked), areaBytes = AreaBytes(valueBytes, linked);
        uint oldPlace = wasElsewhere ? (uint)slot.Place : 0;
        ulong links = wasLinked && linked ? *(ulong*)oldArea : 0;

        bool inline = RecordSlot.InlineBytes(slot.KeyLength, valueBytes, linked) <= _arena.SlotBytes(handle) && valueBytes <= RecordSlot.MaxInlineBytes;
        if (inline)
        {
            slot.BeginWrite();
            slot.SetHeader(header, valueBytes);
            WriteArea(slot.InlineArea(linked), linked, links, value, valueBytes);
            slot.EndWrite();
            if (wasElsewhere) FreeElsewhere(oldPlace, oldAreaBytes);
        }
        else if (wasElsewhere && IsSamePlace(oldAreaBytes, areaBytes))
        {
            long more = ElsewhereBytes(areaBytes) - ElsewhereBytes(oldAreaBytes);
            if (more > 0 && BytesLive + more > _maxBytes) return false;
            slot.BeginWrite();
            slot.SetHeader(header, -1);
            slot.Place = PlaceWord(oldPlace, valueBytes);
            if (areaBytes > MaxSlabValueBytes) _large.Resize(oldPlace, oldAreaBytes, areaBytes);
            WriteArea(oldArea, linked, links, value, valueBytes);
            slot.EndWrite();
        }
        else
        {
            long more = ElsewhereBytes(areaBytes) - (wasElsewhere ? ElsewhereBytes(oldAreaBytes) : 0);
            if (more > 0 && BytesLive + more > _maxBytes) return false;
            if (!TryAllocateElsewhere(areaBytes, out uint elsewhere)) return false;
            WriteArea(AddressOf(elsewhere, areaBytes), linked, links, value, valueBytes);
            slot.BeginWrite();
            slot.SetHeader(header, -1);
            slot.Place = PlaceWord(elsewhere, valueBytes);
            slot.EndWrite();
            if (wasElsewhere) FreeElsewhere(oldPlace, oldAreaBytes);
        }
        Account(oldHeader, slot.KeyLength + oldValueBytes, -1);
        Account(header, slot.KeyLength + valueBytes, 1);
        return true;
    }

    /// <summary>The entry in the index is gone or points elsewhere already.</summary>
    private void FreeSlot(uint handle, RecordSlot slot, int valueBytes)
    {
        bool elsewhere = slot.HasValueElsewhere;
        int areaBytes = AreaBytes(valueBytes, IsLinked(slot.Kind));
        uint place = elsewhere ? (uint)slot.Place : 0;
        slot.BeginWrite();
        if (elsewhere) FreeElsewhere(place, areaBytes);
        _arena.Free(handle);
    }

    private static void WriteArea(byte* area, bool linked, ulong links, byte* value, int valueBytes)
    {
        if (linked)
        {
            *(ulong*)area = links;
            area += RecordSlot.LinkBytes;
        }
        ByteBlocks.Copy(area, value, valueBytes);
    }

    private uint* Links(uint handle)
    {
        var slot = SlotOf(handle);
        if (!IsLinked(slot.Kind)) throw new InvalidOperationException("Records of this kind have no links.");
        return (uint*)AreaOf(slot, linked: true, out _);
    }

    private byte* ValueOf(RecordSlot slot, out int valueBytes)
    {
        bool linked = IsLinked(slot.Kind);
        byte* area = AreaOf(slot, linked, out valueBytes);
        return linked ? area + RecordSlot.LinkBytes : area;
    }

    private byte* AreaOf(RecordSlot slot, bool linked, out int valueBytes)
    {
        if (!slot.HasValueElsewhere)
        {
            valueBytes = slot.InlineLength;
            return slot.InlineArea(linked);
        }
        ulong place = slot.Place;
        valueBytes = (int)(place >> 32);
        return AddressOf((uint)place, AreaBytes(valueBytes, linked));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private RecordSlot SlotOf(uint handle) => new(_arena.Address(handle));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsLinked(RecordKind kind) => (int)kind < 64 && (_linkedKinds >> (int)kind & 1) != 0;

    private static int AreaBytes(int valueBytes, bool linked) => valueBytes + (linked ? RecordSlot.LinkBytes : 0);

    private static ulong PlaceWord(uint place, int valueBytes) => place | (ulong)valueBytes << 32;

    private byte* AddressOf(uint place, int areaBytes) => areaBytes > MaxSlabValueBytes ? _large.Address(place, areaBytes) : _arena.Address(place);

    private static long ElsewhereBytes(int areaBytes) =>
        areaBytes > MaxSlabValueBytes ? LargeValues.PagesOf(areaBytes) : SizeClasses.BytesOf(SizeClasses.IndexOf(areaBytes));

    private static bool IsSamePlace(int oldAreaBytes, int areaBytes)
    {
        if (oldAreaBytes > MaxSlabValueBytes != areaBytes > MaxSlabValueBytes) return false;
        return areaBytes > MaxSlabValueBytes
            ? LargeValues.ClassOf(oldAreaBytes) == LargeValues.ClassOf(areaBytes)
            : SizeClasses.IndexOf(oldAreaBytes) == SizeClasses.IndexOf(areaBytes);
    }

    private bool TryAllocateElsewhere(int areaBytes, out uint place)
    {
        if (areaBytes > MaxSlabValueBytes) return _large.TryAllocate(areaBytes, out place);
        place = _arena.Allocate(SlotUse.Value, SizeClasses.IndexOf(areaBytes));
        return place != 0;
    }

    private void FreeElsewhere(uint place, int areaBytes)
    {
        if (areaBytes > MaxSlabValueBytes) _large.Free(place, areaBytes);
        else _arena.Free(place);
    }

    private void Account(in RecordHeader header, int bytes, int sign)
    {
        ref var usage = ref _usage[header.Service << 2 | (int)header.Class & 3];
        usage.Records += sign;
        usage.Bytes += sign * (long)bytes;
        if (header.Tombstone) usage.Tombstones += sign;
    }
}
