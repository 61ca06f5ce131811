using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Appliance.State;

/// <content>Incremental growth of the index.</content>
/// <remarks>
/// An entry costs 5.33 bytes, so with a header of 24 bytes a load of at least 2/3 keeps the overhead at 32 bytes (issue 2). Therefore large tables
/// grow by three tenths: from a load of 0.88 to 0.68. A new index is ordered from <see cref="PageWorker"/> when growth begins and moved into
/// two buckets at a time, each insert paying for about 20 records whose memory was prefetched by the inserts before it.
/// </remarks>
internal sealed unsafe partial class StateTable
{
    private const double GrowLoad = 0.88, HurryLoad = 0.93, FullLoad = 0.95;
    private const double GrowFactor = 1.3, SmallGrowFactor = 2, LargestGrowFactor = 8;
    private const ulong SmallestIndex = 16, SmallIndex = 8192;
    private const int BucketsPerInsert = 2, BucketsInHurry = 8;
    private const int ReturnsPerRemoval = 3;
    private const ulong BucketsAhead = 8, RecordsAhead = 4;

    private TableIndex _index;
    private ulong _recordsPrefetched;
    private long _expectedRecords;

    private long IndexBytes => _index.BytesUsed + (_index.Next?.BytesUsed ?? 0);

    /// <summary>Goes on with a growth in progress, as every mutation does anyway. For idle time. Writer thread.</summary>
    /// <param name="buckets">Buckets to move, at most; about a microsecond each.</param>
    /// <returns>True while more is left.</returns>
    public bool Grow(int buckets)
    {
        if (_index.Next is { } next) MoveBuckets(next, buckets, waitForPages: true);
        return _index.Next is not null;
    }

    /// <summary>
    /// Announces how many records will come (before a resynchronisation whose size is known), so that the index grows towards it in larger steps.
    /// Writer thread.
    /// </summary>
    public void Reserve(long records) => _expectedRecords = Math.Max(_expectedRecords, records);

    /// <summary>The index that is responsible for a hash. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TableIndex IndexOf(ulong hash, out ulong home)
    {
        var index = Volatile.Read(ref _index);
        home = index.HomeOf(hash);
        while (home < index.Migrated)
        {
            index = index.Next!;
            home = index.HomeOf(hash);
        }
        return index;
    }

    private static ulong BucketsFor(long records) => Math.Max(SmallestIndex, (ulong)(records / (TableIndex.Lanes * GrowLoad)) + 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void StepGrowth()
    {
        if (_index.Next is not null || _count >= (long)(_index.Capacity * GrowLoad)) StepGrowthSlow();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void StepGrowthSlow()
    {
        var next = _index.Next ?? StartGrowth();
        if (next is null) return;
        bool hurry = _count >= (long)(_index.Capacity * HurryLoad);
        MoveBuckets(next, hurry ? BucketsInHurry : BucketsPerInsert, waitForPages: !hurry);
    }

    private bool MayHoldOneMore() => _count < (long)((_index.Next ?? _index).Capacity * FullLoad);

    private TableIndex? StartGrowth()
    {
        double factor = _index.Buckets < SmallIndex ? SmallGrowFactor : GrowFactor;
        if (_expectedRecords > _count)
        {
            double wanted = (double)BucketsFor(_expectedRecords) / _index.Buckets;
            factor = Math.Clamp(wanted, factor, LargestGrowFactor);
        }
        ulong buckets = (ulong)(_index.Buckets * factor) + 1;
        if (BytesLive + TableIndex.BytesFor(buckets) > _maxBytes) return null;
        TableIndex next;
        try
        {
            next = new TableIndex(buckets, prepared: false);
        }
        catch (OutOfMemoryException)
        {
            return null;        // as full as with the limit: inserts go on until the index is, and then say so
        }
        next.Prepare();
        _recordsPrefetched = 0;
        _index.Next = next;
        return next;
    }

    private void MoveBuckets(TableIndex next, int buckets, bool waitForPages)
    {
        var index = _index;
        ulong bucket = index.Migrated, end = Math.Min(index.Buckets, bucket + (ulong)buckets);
        if (waitForPages && !next.IsPreparedFor((ulong)(end * ((double)next.Buckets / index.Buckets)) + 2)) return;
        for (; bucket < end; bucket++)
        {
            PrefetchAhead(index, bucket);
            MoveBucket(index, next, bucket);
        }
        if (bucket == index.Buckets) Volatile.Write(ref _index, next);
    }

    /// <summary>The records of a bucket are scattered: their loads start several inserts before they are hashed.</summary>
    private void PrefetchAhead(TableIndex index, ulong bucket)
    {
        index.Prefetch(bucket + BucketsAhead);
        ulong through = Math.Min(bucket + RecordsAhead, index.Buckets - 1);
        for (ulong ahead = Math.Max(bucket, _recordsPrefetched); ahead <= through; ahead++)
        {
            byte* memory = index.Bucket(ahead);
            for (uint used = TableIndex.Used(memory); used != 0; used &= used - 1)
            {
                PrefetchSlot(TableIndex.Handle(memory, BitOperations.TrailingZeroCount(used)));
            }
        }
        _recordsPrefetched = through + 1;
    }

    /// <summary>
    /// All records of one home. Guests of the bucket itself are gone by now: they came from earlier homes, which have moved. Entries behind the
    /// bucket are erased only after readers can learn that they have moved; those in the bucket stay for late readers.
    /// </summary>
    [SkipLocalsInit]
    private void MoveBucket(TableIndex index, TableIndex next, ulong bucket)
    {
        byte* home = index.Bucket(bucket);
        for (uint used = TableIndex.Used(home); used != 0; used &= used - 1)
        {
            MoveEntry(next, TableIndex.Handle(home, BitOperations.TrailingZeroCount(used)));
        }
        if (!TableIndex.HasAway(home))
        {
            index.SetMigrated(bucket + 1);
            return;
        }

        uint* moved = stackalloc uint[TableIndex.MaxProbes + 1];
        int probe = 0;
        for (byte* away = index.NextAway(home, ref probe); away != null; away = index.NextAway(home, ref probe))
        {
            moved[probe] = GuestsOf(index, bucket, away);
            for (uint lanes = moved[probe]; lanes != 0; lanes &= lanes - 1)
            {
                MoveEntry(next, TableIndex.Handle(away, BitOperations.TrailingZeroCount(lanes)));
            }
        }
        index.SetMigrated(bucket + 1);
        probe = 0;
        for (byte* away = index.NextAway(home, ref probe); away != null; away = index.NextAway(home, ref probe))
        {
            for (uint lanes = moved[probe]; lanes != 0; lanes &= lanes - 1) TableIndex.Withdraw(away, BitOperations.TrailingZeroCount(lanes));
        }
    }

    /// <summary>The entries of a bucket whose home is a certain other one.</summary>
    private uint GuestsOf(TableIndex index, ulong home, byte* bucket)
    {
        uint found = 0;
        for (uint guests = TableIndex.Guests(bucket) & TableIndex.Used(bucket); guests != 0; guests &= guests - 1)
        {
            int lane = BitOperations.TrailingZeroCount(guests);
            if (index.HomeOf(HashOf(TableIndex.Handle(bucket, lane))) == home) found |= 1u << lane;
        }
        return found;
    }

    /// <summary>Takes an entry away and lets a record that is away from this bucket come home; what that leaves free is used likewise, a few times.</summary>
    /// <remarks>Without this, tables with many removals end up with a third of their records away from home instead of a tenth.</remarks>
    private void WithdrawEntry(TableIndex index, in IndexPlace place)
    {
        TableIndex.Withdraw(place.Bucket, place.Lane);
        if (place.Probe > 0) ForgetAwayIfLast(index, place.Home, place.Probe);
        byte* bucket = place.Bucket;
        int lane = place.Lane;
        for (int i = 0; i < ReturnsPerRemoval && TableIndex.HasAway(bucket); i++)
        {
            byte* left = ReturnHome(index, bucket, lane, out lane);
            if (left == null) return;
            bucket = left;
        }
    }

    /// <returns>The bucket in which a lane became free; null when the home's records could not be found where its bits say.</returns>
    private byte* ReturnHome(TableIndex index, byte* home, int freeLane, out int lane)
    {
        ulong number = index.NumberOf(home);
        lane = 0;
        int probe = 0;
        for (byte* bucket = index.NextAway(home, ref probe); bucket != null; bucket = index.NextAway(home, ref probe))
        {
            uint guests = GuestsOf(index, number, bucket);
            if (guests == 0) continue;
            lane = BitOperations.TrailingZeroCount(guests);
            uint handle = TableIndex.Handle(bucket, lane);
            TableIndex.Publish(new IndexPlace(home, freeLane, 0), HashOf(handle), handle);
            index.CountMove();
            TableIndex.Withdraw(bucket, lane);
            ForgetAwayIfLast(index, home, probe);
            return bucket;
        }
        return null;
    }

    private void ForgetAwayIfLast(TableIndex index, byte* home, int probe)
    {
        ulong number = index.NumberOf(home);
        var (first, last) = index.SharingBit(probe);
        for (int other = first; other <= last; other++)
        {
            if (GuestsOf(index, number, home + TableIndex.OffsetOf(other)) != 0) return;
        }
        TableIndex.ForgetAway(home, probe);
    }

    private void MoveEntry(TableIndex next, uint handle)
    {
        ulong hash = HashOf(handle);
        var place = next.FreePlace(hash);
        if (place.Bucket == null) throw new InvalidOperationException("A larger index has no room for what a smaller one held.");
        TableIndex.Publish(place, hash, handle);
    }

    private ulong HashOf(uint handle)
    {
        var slot = SlotOf(handle);
        return _hash.Hash(slot.Key, slot.KeyLength);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void PrefetchSlot(uint handle)
    {
        if (!Sse.IsSupported) return;
        byte* address = _arena.Address(handle);
        Sse.Prefetch0(address);
        Sse.Prefetch0(address + 63);
    }
}
