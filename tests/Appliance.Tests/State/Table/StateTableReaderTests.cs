using Appliance.State;

namespace Appliance.Tests.Appliance.State.Table;

/// <summary>Lock-free readers beside the writer. Every value proves that it belongs to the version and key beside it.</summary>
[Trait("Demand", "A10")]
public sealed class StateTableReaderTests
{
    private const int Residents = 400;

    /// <summary>Keys below <see cref="Residents"/> are always present; the others come and go. A reader that got no time while the writer wrote makes the round that finds something afterwards.</summary>
    [Theory]
    [InlineData(1, 2_000, 90, 150_000)]         // in-place changes, removals, returns home
    [InlineData(2, 60_000, 40, 150_000)]        // growth
    [InlineData(3, 1_500, 3_000, 30_000)]       // values move between slot and elsewhere, chunks change their use
    [InlineData(4, 600, 150_000, 3_000)]        // large values
    public async Task Readers_see_whole_records_and_miss_none(int seed, int keys, int maxValueBytes, int operations)
    {
        using var table = TableFixture.Make(maxBytes: 1L << 30);
        var writer = new Writer(table, seed, keys, maxValueBytes);
        for (int i = 0; i < Residents; i++) writer.Put(i);
        using var stop = new CancellationTokenSource();
        var readers = new[] { Task.Run(() => ReadOneByOne(table, keys, maxValueBytes, stop.Token)), Task.Run(() => ReadBatches(table, keys, stop.Token)), Task.Run(() => ScanAll(table, maxValueBytes, stop.Token)) };
        for (int i = 0; i < operations && !readers.Any(reader => reader.IsCompleted); i++) writer.Step();
        await stop.CancelAsync();
        long[] done = await Task.WhenAll(readers);
        Assert.All(done, count => Assert.True(count > 0));
    }

    private static long ReadOneByOne(StateTable table, int keys, int maxValueBytes, CancellationToken stop)
    {
        var random = new Random(1);
        byte[] value = new byte[maxValueBytes];
        long found = 0;
        do
        {
            int number = random.Next(keys);
            byte[] key = TableFixture.Key(number);
            bool hit = table.TryGet(key, table.Hash(key), value, out var header, out int bytes);
            Assert.True(hit || number >= Residents, $"key {number} was missed");
            if (!hit) continue;
            found++;
            Assert.True(TableFixture.IsProof(value.AsSpan(0, bytes), header.Version, key), $"key {number} is torn");
        }
        while (found == 0 || !stop.IsCancellationRequested);
        return found;
    }

    private static long ReadBatches(StateTable table, int keys, CancellationToken stop)
    {
        const int batch = 50, stride = 128;
        var random = new Random(2);
        byte[] bytes = new byte[batch * 16], values = new byte[batch * stride];
        var places = new BatchKey[batch];
        var results = new BatchResult[batch];
        long found = 0;
        do
        {
            for (int i = 0; i < batch; i++)
            {
                byte[] key = TableFixture.Key(random.Next(i < batch / 2 ? Residents : keys));
                key.CopyTo(bytes, i * 16);
                places[i] = new BatchKey(i * 16, key.Length);
            }
            found += table.GetBatch(bytes, places, values, stride, results);
            for (int i = 0; i < batch; i++)
            {
                Assert.True(results[i].Found || i >= batch / 2, "a resident was missed");
                if (!results[i].Found || results[i].ValueBytes > stride) continue;
                var key = bytes.AsSpan(places[i].Offset, places[i].Length);
                Assert.True(TableFixture.IsProof(values.AsSpan(i * stride, results[i].ValueBytes), results[i].Header.Version, key), "torn");
            }
        }
        while (found == 0 || !stop.IsCancellationRequested);
        return found;
    }

    private static long ScanAll(StateTable table, int maxValueBytes, CancellationToken stop)
    {
        byte[] buffer = new byte[Math.Max(64 * 1024, 4 * maxValueBytes)];
        long scans = 0;
        do
        {
            var seen = new HashSet<string>();
            ulong cursor = 0;
            do
            {
                int filled = table.ScanCopy(ref cursor, buffer, out int records);
                var reader = new ScanCopyReader(buffer.AsSpan(0, filled));
                for (; reader.MoveNext(); records--)
                {
                    Assert.True(TableFixture.IsProof(reader.Value, reader.Header.Version, reader.Key), "torn in a scan");
                    seen.Add(System.Text.Encoding.ASCII.GetString(reader.Key));
                }
                Assert.Equal(0, records);
            }
            while (cursor != 0);
            for (int i = 0; i < Residents; i++) Assert.Contains($"key:{i}", seen);
            scans++;
        }
        while (!stop.IsCancellationRequested);
        return scans;
    }

    private sealed class Writer(StateTable table, int seed, int keys, int maxValueBytes)
    {
        private readonly Random _random = new(seed);
        private readonly byte[] _value = new byte[maxValueBytes];
        private ulong _version;

        public void Step()
        {
            int number = _random.Next(keys);
            byte[] key = TableFixture.Key(number);
            uint handle = table.Find(key);
            int choice = _random.Next(10);
            if (handle == 0 || choice < 6) Put(number);
            else if (choice == 6) table.Compact(handle);
            else if (number >= Residents) table.Remove(handle);
        }

        public void Put(int number)
        {
            byte[] key = TableFixture.Key(number);
            int length = _random.Next(4) == 0 ? _random.Next(24) : _random.Next(maxValueBytes);
            var kind = _random.Next(3) == 0 ? RecordKind.Hash : RecordKind.Bytes;
            TableFixture.FillProof(_value.AsSpan(0, length), ++_version, key);
            uint handle = table.Put(key, TableFixture.Header(_version, kind: kind), _value.AsSpan(0, length));
            if (kind == RecordKind.Hash) table.Link0(handle) = (uint)_version;
        }
    }
}
