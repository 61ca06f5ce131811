using System.Numerics;
using Appliance.State;

namespace Appliance.Tests.Appliance.State;

[Trait("Demand", "A11")]
public sealed class BuzHashTests
{
    private static readonly byte[] Seed = [.. Enumerable.Range(1, BuzHash.SeedBytes).Select(i => (byte)(i * 17))];

    [Fact]
    public void Raw_is_the_published_definition_for_every_length()
    {
        var hash = new BuzHash(Seed);
        byte[] key = new byte[300];
        new Random(1).NextBytes(key);
        for (int length = 0; length <= key.Length; length++)
        {
            ulong expected = 0;
            foreach (byte value in key.AsSpan(0, length)) expected = BitOperations.RotateLeft(expected, 1) ^ hash.Word(value);
            Assert.Equal(expected, hash.Raw(key.AsSpan(0, length)));
        }
    }

    [Fact]
    public void Every_bit_position_is_one_in_exactly_half_of_the_words()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            var hash = OfSeed(seed);
            for (int bit = 0; bit < 64; bit++)
            {
                int ones = Enumerable.Range(0, 256).Count(value => (hash.Word((byte)value) >> bit & 1) != 0);
                Assert.Equal(128, ones);
            }
            Assert.Equal(256, Enumerable.Range(0, 256).Select(value => hash.Word((byte)value)).Distinct().Count());
        }
    }

    [Fact]
    public void The_seed_determines_the_words_and_every_bit_of_it_counts()
    {
        var original = new BuzHash(Seed);
        Assert.Equal(original.Hash("key"u8), new BuzHash(Seed).Hash("key"u8));
        for (int bit = 0; bit < 128; bit++)
        {
            byte[] other = [.. Seed];
            other[bit / 8] ^= (byte)(1 << bit % 8);
            var hash = new BuzHash(other);
            int equalWords = Enumerable.Range(0, 256).Count(value => hash.Word((byte)value) == original.Word((byte)value));
            Assert.Equal(0, equalWords);
        }
    }

    [Fact]
    public void Words_of_different_bit_positions_are_independent()
    {
        var hash = new BuzHash(Seed);
        for (int first = 0; first < 64; first++)
        {
            for (int second = first + 1; second < 64; second++)
            {
                int both = Enumerable.Range(0, 256).Count(value => (hash.Word((byte)value) >> first & hash.Word((byte)value) >> second & 1) != 0);
                Assert.InRange(both, 64 - 28, 64 + 28);     // 64 expected, standard deviation 4: seven of them
            }
        }
    }

    [Theory, InlineData(8), InlineData(32), InlineData(33), InlineData(64), InlineData(100)]
    public void One_flipped_bit_of_a_key_flips_every_bit_of_the_hash_with_probability_one_half(int length)
    {
        const int keys = 400;
        var hash = new BuzHash(Seed);
        var random = new Random(length);
        byte[] key = new byte[length];
        foreach (int keyBit in new[] { 0, 7, length * 4, length * 8 - 1 })
        {
            int[] flips = new int[64];
            for (int i = 0; i < keys; i++)
            {
                random.NextBytes(key);
                ulong before = hash.Hash(key);
                key[keyBit / 8] ^= (byte)(1 << keyBit % 8);
                ulong difference = before ^ hash.Hash(key);
                for (int bit = 0; bit < 64; bit++) flips[bit] += (int)(difference >> bit & 1);
            }
            Assert.All(flips, count => Assert.InRange(count, keys / 2 - 60, keys / 2 + 60));     // six standard deviations
        }
    }

    [Fact]
    public void Counting_keys_fill_buckets_and_tags_evenly()
    {
        const int keys = 1 << 16, cells = 256;
        var hash = new BuzHash(Seed);
        int[] high = new int[cells], low = new int[cells];
        Span<byte> key = stackalloc byte[16];
        for (int i = 0; i < keys; i++)
        {
            key.Clear();
            Assert.True(System.Buffers.Text.Utf8Formatter.TryFormat(i, key["cart:"u8.Length..], out int digits));
            "cart:"u8.CopyTo(key);
            ulong value = hash.Hash(key[..("cart:"u8.Length + digits)]);
            high[value >> 56]++;
            low[value & 255]++;
        }
        foreach (int[] histogram in new[] { high, low })
        {
            double expected = keys / (double)cells;
            double chiSquare = histogram.Sum(count => (count - expected) * (count - expected) / expected);
            Assert.InRange(chiSquare, 255 - 6 * 22.6, 255 + 6 * 22.6);      // 255 degrees of freedom
        }
    }

    /// <summary>The known weakness: with rotation of period 64, blocks of 64 bytes with a period that divides it nearly cancel.</summary>
    [Theory, InlineData(1), InlineData(2), InlineData(4), InlineData(8), InlineData(16), InlineData(32), InlineData(64)]
    public void Periodic_keys_do_not_collide(int period)
    {
        var hash = new BuzHash(Seed);
        var random = new Random(period);
        var seen = new HashSet<ulong>();
        int keys = 0;
        byte[] pattern = new byte[period];
        foreach (int length in new[] { 64, 128, 192, 256, 1024 })
        {
            byte[] key = new byte[length];
            for (int i = 0; i < (period == 1 ? 256 : 2000); i++)
            {
                if (period == 1) pattern[0] = (byte)i;
                else random.NextBytes(pattern);
                if (period == 2) (pattern[0], pattern[1]) = ((byte)i, (byte)(i >> 8));
                for (int at = 0; at < length; at++) key[at] = pattern[at % period];
                seen.Add(hash.Hash(key));
                keys++;
            }
        }
        Assert.Equal(keys, seen.Count);
    }

    [Fact]
    public void Raw_shows_why_the_state_is_mixed_every_32_bytes()
    {
        var hash = new BuzHash(Seed);
        byte[] key = new byte[128];
        new Random(5).NextBytes(key);
        ulong before = hash.Raw(key), finished = hash.Hash(key);
        (key[3], key[67]) = (key[67], key[3]);      // 64 apart: the definition cannot see it

        Assert.Equal(before, hash.Raw(key));
        Assert.NotEqual(finished, hash.Hash(key));
    }

    [Fact]
    public void Keys_that_differ_only_in_length_do_not_collide()
    {
        var hash = new BuzHash(Seed);
        var seen = new HashSet<ulong>();
        byte[] zeros = new byte[2048];
        for (int length = 0; length <= zeros.Length; length++) Assert.True(seen.Add(hash.Hash(zeros.AsSpan(0, length))));
    }

    /// <summary>Who knows the words of one group can search for keys that share a bucket there; in another group they spread.</summary>
    [Fact]
    public void Keys_built_to_collide_under_one_seed_spread_under_another()
    {
        const int keys = 512, buckets = 4096;
        var known = OfSeed(1);
        var ours = OfSeed(2);
        var random = new Random(9);
        var occupancy = new int[buckets];
        byte[] key = new byte[24];
        for (int found = 0; found < keys;)
        {
            random.NextBytes(key);
            if (known.Hash(key) >> 52 != 7) continue;
            found++;
            occupancy[ours.Hash(key) >> 52]++;
        }

        Assert.InRange(occupancy.Max(), 1, 5);                          // 512 in 4096 at random: six in one is a matter of 1e-6
        Assert.InRange(occupancy.Count(count => count > 0), 440, 512);
    }

    internal static BuzHash OfSeed(int seed)
    {
        byte[] bytes = new byte[BuzHash.SeedBytes];
        BitConverter.TryWriteBytes(bytes, seed);
        return new BuzHash(bytes);
    }
}
