using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Appliance.Interop;

namespace Appliance.State;

/// <summary>Where a record's entry stands in an index.</summary>
/// <param name="bucket">The bucket.</param>
/// <param name="lane">Its entry; negative when there is none.</param>
/// <param name="distance">Buckets from the record's home.</param>
internal readonly unsafe struct IndexPlace(byte* bucket, int lane, int distance)
{
    public readonly byte* Bucket = bucket;
    public readonly int Lane = lane;
    public readonly int Distance = distance;
}

/// <summary>One generation of the open-addressing index: buckets of one cache line with twelve entries.</summary>
/// <remarks>
/// <code>
///  0           12             13               14      16
///  | 12 tags   | overflowed   | farthest       | -     | 12 handles u32
/// </code>
/// <para>
/// Home of a hash is the upper half of hash x buckets: monotone in the hash, so that a place in hash order means the same in every generation.
/// A record that finds its home full stands in one of the following buckets; there is slack behind the last, so nothing wraps. The home counts
/// how many of its records do so and how far the farthest was: a deletion lowers the count, and a count of zero ends the search again.
/// Records never move within a generation, so readers miss none.
/// </para>
/// <para>
/// Growth: buckets below <see cref="Migrated"/> have moved to <see cref="Next"/>. A reader that found nothing looks at <see cref="Migrated"/> again.
/// </para>
/// </remarks>
internal sealed unsafe class TableIndex
{
    /// <summary>Entries of a bucket.</summary>
    public const int Lanes = 12;

    /// <summary>Bytes of a bucket.</summary>
    public const int BucketBytes = 64;

    /// <summary>Farthest that a record may stand from its home. At a load of 0.95 the probability to exceed even 32 is below 1e-17.</summary>
    public const int MaxDistance = 128;

    private const uint LaneMask = (1 << Lanes) - 1;
    private const int OverflowedAt = 12, FarthestAt = 13, HandlesAt = 16;
    private const long OrdinaryLimitBytes = 4 * ReservedMemory.HugePageBytes;

    private readonly PreparedRegion _region;
    private readonly byte* _buckets;
    private readonly ulong _count;
    private ulong _migrated;
    private TableIndex? _next;

    /// <param name="buckets">At least 1.</param>
    /// <param name="prepared">All pages are brought in now instead of ahead of a growth.</param>
    public TableIndex(ulong buckets, bool prepared)
    {
        _count = buckets;
        long bytes = (long)(buckets + MaxDistance) * BucketBytes;
        bool small = bytes <= OrdinaryLimitBytes;
        _region = new PreparedRegion(bytes, small ? bytes : 0);
        if (!small && prepared) _region.PrepareAllNow();
        _buckets = _region.Start;
    }

    /// <summary>Home buckets.</summary>
    public ulong Buckets
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _count;
    }

    /// <summary>Entries of the home buckets.</summary>
    public long Capacity => (long)_count * Lanes;

    /// <summary>Memory, slack included, less what was given back.</summary>
    public long BytesUsed => (long)(_count + MaxDistance) * BucketBytes - ((long)_migrated * BucketBytes & -ReservedMemory.HugePageBytes);

    /// <summary>Buckets that have moved to <see cref="Next"/>. Any thread.</summary>
    public ulong Migrated
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref _migrated);
    }

    /// <summary>The next generation, once growth has begun. Any thread.</summary>
    public TableIndex? Next
    {
        get => Volatile.Read(ref _next);
        set => Volatile.Write(ref _next, value);
    }

    /// <summary>Lowest hash whose home is a bucket; 0 for the one behind the last, where 2^64 is meant.</summary>
    public ulong LowestHash(ulong bucket) => (ulong)((((UInt128)bucket << 64) + (_count - 1)) / _count);

    /// <summary>The bucket in which the search for a hash begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong HomeOf(ulong hash) => Math.BigMul(hash, _count, out _);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Bucket(ulong bucket) => _buckets + bucket * BucketBytes;

    /// <summary>Tag of a hash: its lowest byte, which the home does not depend on; never 0, which marks a free entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte TagOf(ulong hash)
    {
        uint tag = (byte)hash;
        return (byte)(tag + ((tag - 1) >> 31));
    }

    /// <summary>Entries of a bucket that have a tag, as bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Match(byte* bucket, byte tag) =>
        Vector128.Equals(Vector128.LoadAligned(bucket), Vector128.Create(tag)).ExtractMostSignificantBits() & LaneMask;

    /// <summary>Entries of a bucket that are in use, as bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Used(byte* bucket) => Match(bucket, 0) ^ LaneMask;

    /// <summary>The handle of an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref uint Handle(byte* bucket, int lane) => ref ((uint*)(bucket + HandlesAt))[lane];

    /// <summary>How many buckets behind its home a search has to look at.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Farthest(byte* home) => home[OverflowedAt] == 0 ? 0 : home[FarthestAt];

    /// <summary>Starts to load a bucket.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(ulong bucket)
    {
        if (Sse.IsSupported) Sse.Prefetch0(Bucket(bucket));
    }

    /// <summary>The entry of a handle.</summary>
    public IndexPlace PlaceOf(ulong hash, uint handle)
    {
        byte* home = Bucket(HomeOf(hash));
        byte tag = TagOf(hash);
        for (int distance = 0; distance <= Farthest(home); distance++)
        {
            byte* bucket = home + distance * BucketBytes;
            for (uint match = Match(bucket, tag); match != 0; match &= match - 1)
            {
                int lane = BitOperations.TrailingZeroCount(match);
                if (Handle(bucket, lane) == handle) return new IndexPlace(bucket, lane, distance);
            }
        }
        throw new InvalidOperationException("The handle is not in the table.");
    }

    /// <summary>The first free entry for a hash.</summary>
    public IndexPlace FreePlace(ulong hash)
    {
        byte* home = Bucket(HomeOf(hash));
        for (int distance = 0; distance < MaxDistance; distance++)
        {
            byte* bucket = home + distance * BucketBytes;
            uint free = Match(bucket, 0);
            if (free != 0) return new IndexPlace(bucket, BitOperations.TrailingZeroCount(free), distance);
        }
        return new IndexPlace(null, -1, 0);
    }

    /// <summary>Makes an entry; readers see it once it is whole.</summary>
    public void Publish(in IndexPlace place, ulong hash, uint handle)
    {
        byte* home = place.Bucket - place.Distance * BucketBytes;
        if (place.Distance > 0)
        {
            home[FarthestAt] = Math.Max(Farthest(home) == 0 ? (byte)0 : home[FarthestAt], (byte)place.Distance);
            Volatile.Write(ref home[OverflowedAt], home[OverflowedAt] == byte.MaxValue ? byte.MaxValue : (byte)(home[OverflowedAt] + 1));
        }
        Handle(place.Bucket, place.Lane) = handle;
        Volatile.Write(ref place.Bucket[place.Lane], TagOf(hash));
    }

    /// <summary>Takes an entry away.</summary>
    public void Withdraw(in IndexPlace place)
    {
        Volatile.Write(ref place.Bucket[place.Lane], 0);
        if (place.Distance == 0) return;
        byte* home = place.Bucket - place.Distance * BucketBytes;
        // A count that has reached its limit no longer knows its number, and stays: searches from this home are longer, never wrong.
        if (home[OverflowedAt] != byte.MaxValue) Volatile.Write(ref home[OverflowedAt], (byte)(home[OverflowedAt] - 1));
    }

    /// <summary>Orders the pages for hashes below a bound.</summary>
    public void PrepareFor(ulong bucket) => _region.PrepareThrough((long)Math.Min(bucket + MaxDistance, _count + MaxDistance) * BucketBytes);

    /// <summary>Everything up to a bucket can be written without bringing in a huge page.</summary>
    public bool IsPreparedFor(ulong bucket) => (long)Math.Min(bucket + MaxDistance, _count + MaxDistance) * BucketBytes <= _region.Ready;

    /// <summary>Declares the buckets below one moved. Their memory goes back to the system.</summary>
    public void SetMigrated(ulong bucket)
    {
        Volatile.Write(ref _migrated, bucket);
        _region.ReleaseThrough(bucket == _count ? long.MaxValue : (long)bucket * BucketBytes);
    }

    /// <summary>Unmaps. Only when no reader is left; otherwise the collector does it once no reader refers to this.</summary>
    public void Dispose() => _region.Dispose();
}
