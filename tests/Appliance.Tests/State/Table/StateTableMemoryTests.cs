using Appliance.State;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.State.Table;

/// <summary>Limits, accounting, reuse of memory.</summary>
public sealed class StateTableMemoryTests
{
    [Theory, InlineData(50), InlineData(700), InlineData(5_000), InlineData(60_000)]
    public void A_full_table_refuses_and_changes_nothing(int valueBytes)
    {
        const long limit = 8 << 20;
        using var table = TableFixture.Make(limit);
        byte[] value = new byte[valueBytes];
        int inserted = 0;
        while (true)
        {
            byte[] key = TableFixture.Key(inserted);
            uint handle = table.Upsert(key, table.Hash(key), TableFixture.Header(), value, out var outcome);
            if (outcome == UpsertOutcome.Full)
            {
                Assert.Equal(0u, handle);
                break;
            }
            inserted++;
        }
        Assert.InRange(table.BytesLive, limit * 3 / 4, limit);
        Assert.Equal(inserted, table.Count);
        Assert.Equal(0u, table.Find(TableFixture.Key(inserted)));

        byte[] larger = new byte[valueBytes * 12];
        uint first = table.Find(TableFixture.Key(0));
        table.MaxBytes = table.BytesLive;
        Assert.Equal(first, table.Upsert(TableFixture.Key(0), table.Hash(TableFixture.Key(0)), TableFixture.Header(9), larger, out var replaced));
        Assert.Equal(UpsertOutcome.Full, replaced);
        Assert.Equal(1UL, table.View(first).Header.Version);
        Assert.Equal(valueBytes, table.View(first).Value.Length);

        // What was removed makes room again.
        table.Remove(table.Find(TableFixture.Key(inserted - 1)));
        table.Put(TableFixture.Key(inserted - 1), TableFixture.Header(), value);
    }

    [Fact]
    public void Live_bytes_return_to_where_they_began()
    {
        using var table = TableFixture.Make();
        var random = new Random(4);
        long index = table.BytesLive;
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 500; i++) table.Put(TableFixture.Key(i), TableFixture.Header(), new byte[random.Next(4) == 0 ? random.Next(100_000) : random.Next(200)]);
            for (int i = 0; i < 500; i++) table.Put(TableFixture.Key(i), TableFixture.Header(), new byte[random.Next(2_000)]);
            for (int i = 0; i < 500; i++) table.Remove(table.Find(TableFixture.Key(i)));
            while (table.Grow(1000)) continue;
            if (round == 0) index = table.BytesLive;
            Assert.Equal(index, table.BytesLive);
        }
    }

    [Fact]
    public void Memory_of_one_size_can_serve_another()
    {
        const long limit = 16 << 20;
        using var table = TableFixture.Make(limit);
        foreach (int valueBytes in new[] { 10, 900, 60, 20_000, 300, 10 })
        {
            byte[] value = new byte[valueBytes];
            int count = 0;
            for (; ; count++)
            {
                byte[] key = TableFixture.Key(count);
                table.Upsert(key, table.Hash(key), TableFixture.Header(), value, out var outcome);
                if (outcome == UpsertOutcome.Full) break;
            }
            Assert.True(table.BytesLive > limit * 7 / 10, $"values of {valueBytes} bytes: full at {table.BytesLive}");
            Assert.InRange(table.BytesUsed, 0, limit + limit / 4 + (4 << 20));
            for (int i = 0; i < count; i++) table.Remove(table.Find(TableFixture.Key(i)));
        }
    }

    /// <summary>Memory is full of small records; large ones need whole chunks, which random evictions would never empty.</summary>
    [Fact]
    public void Eviction_by_sampling_makes_room_for_another_size()
    {
        const long limit = 16 << 20;
        using var table = TableFixture.Make(limit);
        int small = 0;
        for (; ; small++)
        {
            byte[] key = TableFixture.Key(small);
            table.Upsert(key, table.Hash(key), TableFixture.Header((ulong)small), default, out var outcome);
            if (outcome == UpsertOutcome.Full) break;
        }
        var everything = default(EveryRecord);
        Span<uint> sample = stackalloc uint[8];
        byte[] value = new byte[900];
        ulong random = 1;
        long evictions = 0;
        for (int i = 0; i < 12_000; i++)
        {
            byte[] key = TableFixture.Key(1_000_000 + i);
            while (true)
            {
                table.Upsert(key, table.Hash(key), TableFixture.Header((ulong)(small + i)), value, out var outcome);
                if (outcome != UpsertOutcome.Full) break;
                int count = table.Sample(random++, 64, ref everything, sample);
                if (count == 0) continue;
                table.Remove(table.OldestOf(sample[..count]));
                Assert.True(++evictions < 2_000_000, $"insert {i}: {evictions} evictions in vain");
            }
        }
    }

    [Fact]
    public void The_overhead_is_at_most_32_bytes_whatever_the_load_of_the_index()
    {
        using var table = TableFixture.Make(1L << 30);
        Span<byte> key = stackalloc byte[32], value = stackalloc byte[16];
        int checks = 0;
        for (int i = 0; i < 1_310_000; i++)
        {
            BitConverter.TryWriteBytes(key, (ulong)i * 0x9E37_79B9_7F4A_7C15);
            table.Put(key, TableFixture.Header(), value);
            if (i < 1_000_000 || i % 10_000 != 0 || table.Grow(1)) continue;
            checks++;
            double overhead = (double)table.BytesUsed / table.Count - key.Length - value.Length;
            Assert.InRange(overhead, 24, 32.3);     // 31.9 and what a million records leave of the last chunks and the slack
        }
        Assert.True(checks > 5);
    }

    [Fact]
    public void Compaction_moves_a_record_that_shrank()
    {
        using var table = TableFixture.Make();
        uint handle = table.Put("cart"u8, TableFixture.Header(kind: RecordKind.Hash), new byte[600]);
        table.Link1(handle) = 77;
        handle = table.Put("cart"u8, TableFixture.Header(2, kind: RecordKind.Hash), "x"u8);
        long before = table.BytesLive;

        uint smaller = table.Compact(handle);

        Assert.NotEqual(handle, smaller);
        Assert.True(table.BytesLive < before - 500);
        Assert.Equal(smaller, table.Find("cart"u8));
        Assert.Equal(77u, table.Link1(smaller));
        Assert.True(table.View(smaller).Value.SequenceEqual("x"u8));
        Assert.Equal(smaller, table.Compact(smaller));
    }

    [Fact]
    public void Links_are_kept_for_linked_kinds_only()
    {
        using var table = TableFixture.Make();
        uint handle = table.Put("h"u8, TableFixture.Header(kind: RecordKind.Hash), "a"u8);
        Assert.Equal((0u, 0u), (table.Link0(handle), table.Link1(handle)));
        table.Link0(handle) = 5;
        foreach (int length in new[] { 1, 100, 5_000, 100_000, 3 })
        {
            table.Put("h"u8, TableFixture.Header(kind: RecordKind.HashField), new byte[length]);
            Assert.Equal(5u, table.Link0(handle));
        }
        table.Put("h"u8, TableFixture.Header(kind: RecordKind.Bytes), "a"u8);
        Assert.Throws<InvalidOperationException>(() => table.Link0(handle));
        table.Put("h"u8, TableFixture.Header(kind: RecordKind.Hash), "a"u8);
        Assert.Equal(0u, table.Link0(handle));
    }

    [Fact]
    public void Steady_state_allocates_nothing()
    {
        using var table = TableFixture.Make();
        byte[][] keys = [.. Enumerable.Range(0, 2_000).Select(TableFixture.Key)];
        byte[] value = new byte[40_000], buffer = new byte[200_000];
        var handles = new uint[64];
        for (int round = 0; round < 3; round++) Work();
        Assert.Equal(0, Allocated.Least(Work));

        void Work()
        {
            var everything = default(EveryRecord);
            for (int i = 0; i < keys.Length; i++)
            {
                ulong hash = table.Hash(keys[i]);
                int length = i % 100 == 0 ? value.Length : i % 900;
                uint handle = table.Upsert(keys[i], hash, TableFixture.Header((ulong)i), value.AsSpan(0, length), out _);
                table.SetHeader(handle, TableFixture.Header((ulong)i + 1));
                table.TryGet(keys[i], hash, buffer, out _, out _);
            }
            ulong cursor = 0;
            do table.Scan(ref cursor, handles); while (cursor != 0);
            do table.ScanCopy(ref cursor, buffer, out _); while (cursor != 0);
            do table.Sweep(ref cursor, 64, ref everything, handles); while (cursor != 0);
            table.Sample(7, 100, ref everything, handles);
            foreach (byte[] key in keys) table.Remove(table.Find(key));
        }
    }
}
