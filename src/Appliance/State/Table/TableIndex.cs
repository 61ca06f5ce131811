using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Appliance.Interop;

namespace Appliance.State;

/// <summary>Where a record's entry stands in an index.</summary>
/// <param name="bucket">The bucket; null when there is none.</param>
/// <param name="lane">The entry in it.</param>
/// <param name="probe">How many places were tried before; 0 at home.</param>
internal readonly unsafe struct IndexPlace(byte* bucket, int lane, int probe)
{
    public readonly byte* Bucket = bucket;
    public readonly int Lane = lane;
    public readonly int Probe = probe;

    /// <summary>The bucket in which searches for this record begin.</summary>
    public byte* Home => Bucket - TableIndex.OffsetOf(Probe);
}

/// <summary>One generation of the open-addressing index: buckets of one cache line with twelve entries.</summary>
/// <remarks>
/// <code>
///  0           12                                        16
///  | 12 tags   | guests: bits 0..11, away: bits 12..31   | 12 handles u32
/// </code>
/// <para>
/// Home of a hash is the upper half of hash x buckets: monotone in the hash, so that a place in hash order means the same in every generation.
/// A record that finds its home full is a guest in bucket home + k(k + 1)/2 for the smallest k with room (triangular steps: with steps of one, runs of
/// full buckets grow into each other, and at a load of 0.92 some insert had to walk 128 of them). The home's 'away' bits say which k hold
/// records of it, the last bit standing for all from 20 on; so a search looks at no bucket in vain. Behind the last bucket there is slack:
/// nothing wraps.
/// </para>
/// <para>
/// Within a generation a record moves only towards its home, after a removal made room; <see cref="Moves"/> rises between the new entry and the end of
/// the old one. Growth: buckets below <see cref="Migrated"/> have moved to <see cref="Next"/>. A reader that found nothing looks at both again.
/// </para>
/// </remarks>
internal sealed unsafe class TableIndex
{
    /// <summary>Entries of a bucket.</summary>
    public const int Lanes = 12;

    /// <summary>Bytes of a bucket.</summary>
    public const int BucketBytes = 64;

    /// <summary>Largest number of steps from home. In simulation of 200,000 buckets 21 were needed at a load of 0.88, 29 at 0.92.</summary>
    public const int MaxProbes = 48;

    private const int LastOwnAwayBit = 20;
    private const uint LaneMask = (1 << Lanes) - 1;
    private const int MetaAt = 12, HandlesAt = 16;
    private const long OrdinaryLimitBytes = 4 * ReservedMemory.HugePageBytes;

    private readonly PreparedRegion _region;
    private readonly byte* _buckets;
    private readonly ulong _count;
    private readonly int _probes;
    private ulong _migrated, _moves;
    private TableIndex? _next;

    /// <param name="buckets">At least 1.</param>
    /// <param name="prepared">All pages are brought in now instead of ahead of a growth.</param>
    public TableIndex(ulong buckets, bool prepared)
    {
        _count = buckets;
        _probes = ProbesFor(buckets);
        long bytes = BytesFor(buckets);
        bool small = bytes <= OrdinaryLimitBytes;
        _region = new PreparedRegion(bytes, ordinaryBytes: small ? bytes : 0, usableBytes: bytes);
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
    public long BytesUsed => BytesFor(_count) - ((long)_migrated * BucketBytes & -ReservedMemory.HugePageBytes);

    /// <summary>Buckets that have moved to <see cref="Next"/>. Any thread.</summary>
    public ulong Migrated
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref _migrated);
    }

    /// <summary>How often a record has moved. Any thread.</summary>
    public ulong Moves
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref _moves);
    }

    /// <summary>The next generation, once growth has begun. Any thread.</summary>
    public TableIndex? Next
    {
        get => Volatile.Read(ref _next);
        set => Volatile.Write(ref _next, value);
    }

    /// <summary>Memory of an index.</summary>
    public static long BytesFor(ulong buckets) => (long)(buckets + 1) * BucketBytes + OffsetOf(ProbesFor(buckets));

    /// <summary>Lowest hash whose home is a bucket; 0 for the one behind the last, where 2^64 is meant.</summary>
    public ulong LowestHash(ulong bucket) => (ulong)((((UInt128)bucket << 64) + (_count - 1)) / _count);

    /// <summary>The bucket in which the search for a hash begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong HomeOf(ulong hash) => Math.BigMul(hash, _count, out _);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Bucket(ulong bucket) => _buckets + bucket * BucketBytes;

    /// <summary>Number of a bucket.</summary>
    public ulong NumberOf(byte* bucket) => (ulong)(bucket - _buckets) / BucketBytes;

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

    /// <summary>Entries of a bucket whose home is another one, as bits. Only for entries in use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Guests(byte* bucket) => Volatile.Read(ref Meta(bucket)) & LaneMask;

    /// <summary>The handle of an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref uint Handle(byte* bucket, int lane) => ref ((uint*)(bucket + HandlesAt))[lane];

    /// <summary>Bytes from a home to the bucket of its k-th step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint OffsetOf(int probe) => (nint)probe * (probe + 1) / 2 * BucketBytes;

    /// <summary>The next bucket that may hold records of a home; null at the end. Only guests of it count.</summary>
    /// <param name="home">The home.</param>
    /// <param name="probe">0 before the first call.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* NextAway(byte* home, ref int probe)
    {
        uint meta = Volatile.Read(ref Meta(home));
        if (probe < LastOwnAwayBit)
        {
            uint away = meta >> (Lanes + probe);
            if (away == 0) return null;
            probe += 1 + BitOperations.TrailingZeroCount(away);
        }
        else
        {
            if ((int)meta >= 0 || probe >= _probes) return null;
            probe++;
        }
        return home + OffsetOf(probe);
    }

    /// <summary>Some records of a home are away.</summary>
    public static bool HasAway(byte* home) => Meta(home) >> Lanes != 0;

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
        int probe = 0;
        for (byte* bucket = home; bucket != null; bucket = NextAway(home, ref probe))
        {
            for (uint match = Match(bucket, tag); match != 0; match &= match - 1)
            {
                int lane = BitOperations.TrailingZeroCount(match);
                if (Handle(bucket, lane) == handle) return new IndexPlace(bucket, lane, probe);
            }
        }
        throw new InvalidOperationException("The handle is not in the table.");
    }

    /// <summary>The first free entry for a hash.</summary>
    public IndexPlace FreePlace(ulong hash)
    {
        byte* home = Bucket(HomeOf(hash));
        for (int probe = 0; probe <= _probes; probe++)
        {
            byte* bucket = home + OffsetOf(probe);
            uint free = Match(bucket, 0);
            if (free != 0) return new IndexPlace(bucket, BitOperations.TrailingZeroCount(free), probe);
        }
        return default;
    }

    /// <summary>Makes an entry; readers see it once it is whole.</summary>
    public static void Publish(in IndexPlace place, ulong hash, uint handle)
    {
        uint guest = 1u << place.Lane;
        if (place.Probe > 0)
        {
            Volatile.Write(ref Meta(place.Home), Meta(place.Home) | AwayBit(place.Probe));
            Meta(place.Bucket) |= guest;
        }
        else
        {
            Meta(place.Bucket) &= ~guest;
        }
        Handle(place.Bucket, place.Lane) = handle;
        Volatile.Write(ref place.Bucket[place.Lane], TagOf(hash));
    }

    /// <summary>Takes an entry away. For guests, <see cref="ForgetAway"/> may follow.</summary>
    public static void Withdraw(byte* bucket, int lane) => Volatile.Write(ref bucket[lane], 0);

    /// <summary>No record of the home stands at this step any more (from 20 on: at none of those).</summary>
    public static void ForgetAway(byte* home, int probe) => Volatile.Write(ref Meta(home), Meta(home) & ~AwayBit(probe));

    /// <summary>Steps that share the bit of one.</summary>
    public (int First, int Last) SharingBit(int probe) => probe < LastOwnAwayBit ? (probe, probe) : (LastOwnAwayBit, _probes);

    /// <summary>A record has its new entry and still its old one.</summary>
    public void CountMove() => Volatile.Write(ref _moves, _moves + 1);

    /// <summary>Orders all pages.</summary>
    public void Prepare() => _region.PrepareThrough(long.MaxValue);

    /// <summary>Everything up to a bucket and some steps can be written without bringing in a huge page.</summary>
    public bool IsPreparedFor(ulong bucket) => Math.Min((long)bucket * BucketBytes + OffsetOf(MaxProbes), BytesFor(_count)) <= _region.Ready;

    /// <summary>Declares the buckets below one moved. Their memory goes back to the system.</summary>
    public void SetMigrated(ulong bucket)
    {
        Volatile.Write(ref _migrated, bucket);
        _region.ReleaseThrough(bucket == _count ? long.MaxValue : (long)bucket * BucketBytes);
    }

    /// <summary>Unmaps. Only when no reader is left; otherwise the collector does it once no reader refers to this.</summary>
    public void Dispose() => _region.Dispose();

    private static int ProbesFor(ulong buckets) => Math.Min(MaxProbes, 8 + 2 * BitOperations.Log2(buckets));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref uint Meta(byte* bucket) => ref *(uint*)(bucket + MetaAt);

    private static uint AwayBit(int probe) => 1u << (Lanes - 1 + Math.Min(probe, LastOwnAwayBit));
}
