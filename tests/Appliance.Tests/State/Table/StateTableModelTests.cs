using Appliance.State;

namespace Appliance.Tests.Appliance.State.Table;

/// <summary>Random operations against a dictionary: growth, deletions, values that change their size, compaction.</summary>
[Trait("Demand", "A10")]
public sealed class StateTableModelTests
{
    private sealed record Expected(RecordHeader Header, byte[] Value, uint Handle, uint Link0, uint Link1);

    [Theory]
    [InlineData(1, 20_000, 300, 64)]
    [InlineData(2, 20_000, 3_000, 64)]
    [InlineData(3, 30_000, 100_000, 32)]
    [InlineData(4, 6_000, 60, 5_000)]
    [InlineData(5, 1_500, 40, 300_000)]
    [InlineData(6, 20_000, 2_000, 1_200)]
    public void Random_operations_agree_with_a_dictionary(int seed, int operations, int keys, int maxValueBytes)
    {
        var random = new Random(seed);
        var model = new Dictionary<string, Expected>();
        using var table = TableFixture.Make();
        for (int i = 0; i < operations; i++)
        {
            string name = KeyOf(random.Next(keys));
            byte[] key = System.Text.Encoding.ASCII.GetBytes(name);
            ulong hash = table.Hash(key);
            uint handle = table.Find(key, hash);
            Assert.Equal(model.TryGetValue(name, out var expected) ? expected.Handle : 0, handle);
            switch (random.Next(10))
            {
                case < 6:
                    Upsert(table, model, name, key, hash, random, maxValueBytes);
                    break;
                case < 8:
                    if (handle == 0) break;
                    table.Remove(handle);
                    model.Remove(name);
                    break;
                case 8:
                    if (expected is null) break;
                    var header = RandomHeader(random) with { Kind = expected.Header.Kind };
                    table.SetHeader(handle, header);
                    model[name] = expected with { Header = header };
                    break;
                case 9:
                    if (expected is null) break;
                    model[name] = expected with { Handle = table.Compact(handle) };
                    break;
            }
            if (i % 4096 == 0 || i == operations - 1) Compare(table, model, seed);
        }
        foreach (var (_, expected) in model) table.Remove(expected.Handle);
        Assert.Equal(0, table.Count);
    }

    [Fact]
    public void Every_length_of_key_and_value_at_the_borders_of_size_classes_is_kept()
    {
        using var table = TableFixture.Make(maxKeyBytes: 65_535);
        int[] keyLengths = [0, 1, 7, 8, 9, 31, 32, 33, 96, 104, 1000, 1024, 4096, 65_535];
        int[] valueLengths = [0, 1, 8, 15, 16, 17, 63, 96, 128, 129, 992, 1000, 1001, 1024, 2046, 2047, 2048, 32_760, 32_768, 32_769, 65_536, 65_537, 131_072, 524_288];
        var kinds = new[] { RecordKind.Bytes, RecordKind.Hash, RecordKind.Bytes };
        foreach (var kind in kinds)
        {
            foreach (int keyLength in keyLengths)
            {
                byte[] key = new byte[keyLength];
                Array.Fill(key, (byte)keyLength);
                foreach (int length in (int[])[.. valueLengths, .. valueLengths.Reverse()])
                {
                    byte[] value = new byte[length];
                    TableFixture.FillProof(value, (ulong)length, key);
                    uint handle = table.Put(key, TableFixture.Header((ulong)length, kind: kind), value);
                    var view = table.View(handle);
                    Assert.True(view.Key.SequenceEqual(key));
                    Assert.True(view.Value.SequenceEqual(value));
                    byte[] copy = new byte[length];
                    Assert.True(table.TryGet(key, table.Hash(key), copy, out var header, out int bytes));
                    Assert.Equal(length, bytes);
                    Assert.Equal((ulong)length, header.Version);
                    Assert.Equal(value, copy);
                }
            }
        }
    }

    [Fact]
    public void A_header_keeps_every_field_at_its_limits()
    {
        using var table = TableFixture.Make();
        foreach (long expiry in new[] { 0, 1, (1L << 40) - 1, 1L << 40, (1L << 40) + 5, RecordHeader.MaxExpiryMilliseconds })
        {
            foreach (byte small in new byte[] { 0, 1, 127, 255 })
            {
                foreach (bool tombstone in new[] { false, true })
                {
                    var header = new RecordHeader
                    {
                        Version = ulong.MaxValue - small,
                        ExpiryMilliseconds = expiry,
                        Writer = small,
                        Service = (byte)~small,
                        Class = (RecordClass)(small & 3),
                        Kind = (RecordKind)(small == 1 ? 200 : small),
                        Tombstone = tombstone,
                    };
                    uint handle = table.Put("k"u8, header, "value"u8);
                    Assert.Equal(header, table.View(handle).Header);
                    Assert.True(table.View(handle).Value.SequenceEqual("value"u8));
                }
            }
        }
        uint last = table.Put("k"u8, TableFixture.Header() with { ExpiryMilliseconds = long.MaxValue }, default);
        Assert.Equal(RecordHeader.MaxExpiryMilliseconds, table.View(last).Header.ExpiryMilliseconds);
    }

    private static string KeyOf(int number) => number % 7 == 0 ? new string('x', number % 900) + number : $"key:{number}";

    private static RecordHeader RandomHeader(Random random) => new()
    {
        Version = (ulong)random.NextInt64(),
        ExpiryMilliseconds = random.NextInt64(1L << 42),
        Writer = (byte)random.Next(256),
        Service = (byte)random.Next(3),
        Class = (RecordClass)random.Next(4),
        Kind = (RecordKind)random.Next(6),
        Tombstone = random.Next(4) == 0,
    };

    private static void Upsert(StateTable table, Dictionary<string, Expected> model, string name, byte[] key, ulong hash, Random random, int maxValueBytes)
    {
        byte[] value = new byte[random.Next(3) == 0 ? random.Next(40) : random.Next(maxValueBytes)];
        random.NextBytes(value);
        var header = RandomHeader(random);
        uint handle = table.Upsert(key, hash, header, value, out var outcome);
        bool existed = model.TryGetValue(name, out var old);
        Assert.Equal(existed ? UpsertOutcome.Replaced : UpsertOutcome.Inserted, outcome);
        if (existed) Assert.Equal(old!.Handle, handle);
        var (link0, link1) = (0u, 0u);
        if (IsLinked(header.Kind))
        {
            var kept = existed && IsLinked(old!.Header.Kind) ? (old.Link0, old.Link1) : (0u, 0u);
            Assert.Equal(kept, (table.Link0(handle), table.Link1(handle)));
            (link0, link1) = ((uint)random.Next(), (uint)random.Next());
            table.Link0(handle) = link0;
            table.Link1(handle) = link1;
        }
        model[name] = new Expected(header, value, handle, link0, link1);
    }

    private static bool IsLinked(RecordKind kind) => kind is RecordKind.Hash or RecordKind.HashField;

    private static void Compare(StateTable table, Dictionary<string, Expected> model, int seed)
    {
        Assert.True(table.Count == model.Count, $"seed {seed}: {table.Count} records, {model.Count} expected");
        byte[] copy = new byte[1 << 20];
        foreach (var (name, expected) in model)
        {
            byte[] key = System.Text.Encoding.ASCII.GetBytes(name);
            var view = table.View(expected.Handle);
            Assert.True(view.Key.SequenceEqual(key), $"seed {seed}: key of {name}");
            Assert.Equal(expected.Header, view.Header);
            Assert.True(view.Value.SequenceEqual(expected.Value), $"seed {seed}: value of {name}");
            Assert.True(table.TryGet(key, table.Hash(key), copy, out var header, out int bytes), $"seed {seed}: {name} is missing");
            Assert.Equal(expected.Header, header);
            Assert.True(copy.AsSpan(0, bytes).SequenceEqual(expected.Value), $"seed {seed}: copy of {name}");
            if (IsLinked(header.Kind)) Assert.Equal((expected.Link0, expected.Link1), (table.Link0(expected.Handle), table.Link1(expected.Handle)));
        }
        var usage = new Dictionary<(byte, RecordClass), RecordUsage>();
        foreach (var (name, expected) in model)
        {
            var of = (expected.Header.Service, expected.Header.Class);
            var sum = usage.GetValueOrDefault(of);
            usage[of] = new RecordUsage(sum.Records + 1, sum.Tombstones + (expected.Header.Tombstone ? 1 : 0), sum.Bytes + name.Length + expected.Value.Length);
        }
        for (byte service = 0; service < 3; service++)
        {
            foreach (var recordClass in Enum.GetValues<RecordClass>())
            {
                Assert.Equal(usage.GetValueOrDefault((service, recordClass)), table.UsageOf(service, recordClass));
            }
        }
        CompareScan(table, model, seed);
    }

    private static void CompareScan(StateTable table, Dictionary<string, Expected> model, int seed)
    {
        var handles = new uint[64];
        var seen = new HashSet<uint>();
        ulong cursor = 0, previous = 0;
        do
        {
            int count = table.Scan(ref cursor, handles);
            foreach (uint handle in handles.AsSpan(0, count))
            {
                ulong hash = table.Hash(table.View(handle).Key);
                Assert.True(hash >= previous, $"seed {seed}: out of order");
                previous = hash;
                Assert.True(seen.Add(handle), $"seed {seed}: handle {handle} twice");
            }
        }
        while (cursor != 0);
        Assert.True(seen.SetEquals(model.Values.Select(expected => expected.Handle)), $"seed {seed}: the scan differs");

        seen.Clear();
        var everything = default(EveryRecord);
        do
        {
            int count = table.Sweep(ref cursor, 100, ref everything, handles);
            foreach (uint handle in handles.AsSpan(0, count)) Assert.True(seen.Add(handle), $"seed {seed}: handle {handle} swept twice");
        }
        while (cursor != 0);
        Assert.True(seen.SetEquals(model.Values.Select(expected => expected.Handle)), $"seed {seed}: the sweep differs");
    }
}
