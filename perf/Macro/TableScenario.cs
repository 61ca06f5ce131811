using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Appliance.Perf.Macro.Interop;
using Appliance.State;

namespace Appliance.Perf.Macro;

/// <summary>StateTable against ConcurrentDictionary with byte[] keys and alternate lookup; both hash with BUZhash. 32 B keys, 16 B values.</summary>
internal sealed class TableScenario : IScenario
{
    private const int KeyBytes = 32, ValueBytes = 16;
    private const int GroupKeys = 64, Groups = 16, RoundKeys = Groups * GroupKeys;

    public string Name => "table";

    public string Summary => "StateTable against ConcurrentDictionary: lookups, memory, insert pauses";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        foreach (var (records, batchTarget, singleTarget) in options.Quick ? [(100_000, 6.0, 1.3)] : new[] { (1_000_000, 6.0, 1.3), (10_000_000, 12.0, 2.2) })
        {
            foreach (var figure in Measure(records, options.Quick, batchTarget, singleTarget)) yield return figure;
            GC.Collect();
        }
    }

    private static IEnumerable<Figure> Measure(int records, bool quick, double batchTarget, double singleTarget)
    {
        string size = records >= 1_000_000 ? $"{records / 1_000_000} M" : $"{records / 1000} k";
        var hash = new BuzHash("0123456789abcdef"u8);
        using var table = new StateTable(new StateTableOptions { Hash = hash, MaxBytes = 8L << 30 });
        WarmUp(hash);
        long residentBefore = ResidentBytes();
        var pauses = Fill(table, records);
        long resident = ResidentBytes() - residentBefore;
        while (table.Grow(64)) Thread.Yield();

        yield return Figure.Of($"overhead per record, {size}", [(double)table.BytesUsed / records - KeyBytes - ValueBytes], "B", target: 32, targetIsLimit: true);
        yield return Figure.Of($"resident overhead per record, {size}", [(double)resident / records - KeyBytes - ValueBytes], "B");
        yield return Figure.Of($"resident in huge pages, {size}", [100.0 * HugePageBytes() / ResidentBytes()], "%");
        yield return Figure.Of($"insert, {size}", [pauses.MeanNanoseconds], "ns");
        yield return Figure.Of($"insert pause, 99.9 %, {size}", [pauses.Quantile(0.999) / 1000.0], "us");
        yield return Figure.Of($"insert pause, longest, {size}", [pauses.Longest / 1000.0], "us", target: 1000, targetIsLimit: true);
        yield return Figure.Of($"inserts over 1 ms, {size}", [pauses.OverOneMillisecond], "inserts", target: 0, targetIsLimit: true);
        Console.Error.WriteLine(pauses);

        var dictionary = new ConcurrentDictionary<byte[], byte[]>(2, records, new KeyComparer(hash));
        Fill(dictionary, records);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var sides = new Side[] { new TableBatch(table), new DictionaryGroup(dictionary), new TableSingle(table), new DictionarySingle(dictionary) };
        int rounds = quick ? 3 : 9, lookups = quick ? 64_000 : 640_000;
        var times = sides.Select(_ => new List<double>()).ToArray();
        ulong seed = 88172645463325252;
        long allocated = 0;
        for (int round = -2; round < rounds; round++)
        {
            for (int side = 0; side < sides.Length; side++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                double nanoseconds = sides[side].Round(lookups, (ulong)records, ref seed);
                long after = GC.GetAllocatedBytesForCurrentThread();
                if (round < 0) continue;
                times[side].Add(nanoseconds);
                if (side is 0 or 2) allocated += after - before;
            }
        }
        double Ratio(int ours, int theirs) => Statistics.Median(times[theirs].Zip(times[ours], (their, our) => their / our));
        yield return Figure.Of($"batched lookup, {size}", times[0], "ns", Ratio(0, 1), batchTarget);
        yield return Figure.Of($"ConcurrentDictionary, {size}", times[1], "ns");
        yield return Figure.Of($"single dependent lookup, {size}", times[2], "ns", Ratio(2, 3), singleTarget);
        yield return Figure.Of($"ConcurrentDictionary dependent, {size}", times[3], "ns");
        yield return Figure.Of($"allocated by all lookups, {size}", [allocated], "B", target: 0, targetIsLimit: true);
    }

    /// <summary>The compiler works on the measured thread, too: let it finish first.</summary>
    private static void WarmUp(BuzHash hash)
    {
        for (int round = 0; round < 4; round++)
        {
            using var table = new StateTable(new StateTableOptions { Hash = hash, MaxBytes = 1L << 30 });
            Fill(table, 60_000);
            Thread.Sleep(100); // the compiler begins so long after the last new method, and says nowhere that it has ended
        }
    }

    private static PauseHistogram Fill(StateTable table, int records)
    {
        var pauses = new PauseHistogram();
        Span<byte> key = stackalloc byte[KeyBytes], value = stackalloc byte[ValueBytes];
        var header = new RecordHeader { Version = 1 };
        for (int i = 0; i < records; i++)
        {
            KeyOf((ulong)i, key);
            MemoryMarshal.Write(value, (ulong)i);
            long start = ThreadClock.Now();
            table.Upsert(key, table.Hash(key), header, value, out var outcome);
            pauses.Add(ThreadClock.Now() - start);
            if (outcome != UpsertOutcome.Inserted) throw new InvalidOperationException($"Insert {i}: {outcome}");
        }
        return pauses;
    }

    private static void Fill(ConcurrentDictionary<byte[], byte[]> dictionary, int records)
    {
        for (int i = 0; i < records; i++)
        {
            byte[] key = new byte[KeyBytes], value = new byte[ValueBytes];
            KeyOf((ulong)i, key);
            MemoryMarshal.Write(value, (ulong)i);
            dictionary[key] = value;
        }
    }

    private static long ResidentBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private static long HugePageBytes()
    {
        string line = File.ReadLines("/proc/self/smaps_rollup").First(line => line.StartsWith("AnonHugePages:", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void KeyOf(ulong number, Span<byte> key)
    {
        ulong state = number * 0xD134_2543_DE82_EF95;
        var words = MemoryMarshal.Cast<byte, ulong>(key);
        for (int i = 0; i < KeyBytes / sizeof(ulong); i++)
        {
            ulong value = state += 0x9E37_79B9_7F4A_7C15;
            value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
            value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
            words[i] = value ^ (value >> 31);
        }
    }

    private static ulong Next(ref ulong state, ulong limit)
    {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return Math.BigMul(state, limit, out _);
    }

    private sealed class KeyComparer(BuzHash hash) : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public bool Equals(byte[]? left, byte[]? right) => left.AsSpan().SequenceEqual(right);

        public int GetHashCode(byte[] key) => (int)hash.Hash(key);

        public bool Equals(ReadOnlySpan<byte> left, byte[] right) => left.SequenceEqual(right);

        public int GetHashCode(ReadOnlySpan<byte> key) => (int)hash.Hash(key);

        public byte[] Create(ReadOnlySpan<byte> key) => key.ToArray();
    }

    /// <summary>One way of looking up. Keys are made outside the measured time, which is the thread's own: others may be using the machine.</summary>
    private abstract class Side
    {
        protected readonly byte[] Keys = GC.AllocateArray<byte>(RoundKeys * KeyBytes, pinned: true);

        /// <summary>Nanoseconds per lookup.</summary>
        public double Round(int lookups, ulong records, ref ulong seed)
        {
            long nanoseconds = 0;
            for (int done = 0; done < lookups; done += RoundKeys)
            {
                for (int i = 0; i < RoundKeys; i++) KeyOf(Next(ref seed, records), Keys.AsSpan(i * KeyBytes, KeyBytes));
                long start = ThreadClock.Now();
                int found = LookUp(records, ref seed);
                nanoseconds += ThreadClock.Now() - start;
                if (found != RoundKeys) throw new InvalidOperationException($"{found} of {RoundKeys} keys were found.");
            }
            return (double)nanoseconds / (lookups / RoundKeys * RoundKeys);
        }

        protected abstract int LookUp(ulong records, ref ulong seed);
    }

    private sealed class TableBatch(StateTable table) : Side
    {
        private readonly BatchKey[] _batch = [.. Enumerable.Range(0, RoundKeys).Select(i => new BatchKey(i * KeyBytes, KeyBytes))];
        private readonly BatchResult[] _results = new BatchResult[GroupKeys];
        private readonly byte[] _values = new byte[GroupKeys * ValueBytes];

        protected override int LookUp(ulong records, ref ulong seed)
        {
            int found = 0;
            for (int group = 0; group < Groups; group++)
            {
                found += table.GetBatch(Keys, _batch.AsSpan(group * GroupKeys, GroupKeys), _values, ValueBytes, _results);
            }
            return found;
        }
    }

    private sealed class DictionaryGroup(ConcurrentDictionary<byte[], byte[]> dictionary) : Side
    {
        private readonly byte[] _values = new byte[GroupKeys * ValueBytes];
        private readonly ConcurrentDictionary<byte[], byte[]>.AlternateLookup<ReadOnlySpan<byte>> _lookup = dictionary.GetAlternateLookup<ReadOnlySpan<byte>>();

        protected override int LookUp(ulong records, ref ulong seed)
        {
            int found = 0;
            for (int i = 0; i < RoundKeys; i++)
            {
                if (!_lookup.TryGetValue(Keys.AsSpan(i * KeyBytes, KeyBytes), out byte[]? value)) continue;
                value.CopyTo(_values, i % GroupKeys * ValueBytes);
                found++;
            }
            return found;
        }
    }

    /// <summary>Each key depends on the value before it, so nothing overlaps.</summary>
    private sealed class TableSingle(StateTable table) : Side
    {
        private readonly byte[] _value = new byte[ValueBytes];

        protected override int LookUp(ulong records, ref ulong seed)
        {
            var key = Keys.AsSpan(0, KeyBytes);
            int found = 0;
            for (int i = 0; i < RoundKeys; i++)
            {
                if (table.TryGet(key, table.Hash(key), _value, out _, out _)) found++;
                seed += MemoryMarshal.Read<ulong>(_value);
                KeyOf(Next(ref seed, records), key);
            }
            return found;
        }
    }

    private sealed class DictionarySingle(ConcurrentDictionary<byte[], byte[]> dictionary) : Side
    {
        private readonly ConcurrentDictionary<byte[], byte[]>.AlternateLookup<ReadOnlySpan<byte>> _lookup = dictionary.GetAlternateLookup<ReadOnlySpan<byte>>();

        protected override int LookUp(ulong records, ref ulong seed)
        {
            var key = Keys.AsSpan(0, KeyBytes);
            int found = 0;
            for (int i = 0; i < RoundKeys; i++)
            {
                if (!_lookup.TryGetValue(key, out byte[]? value)) continue;
                found++;
                seed += MemoryMarshal.Read<ulong>(value);
                KeyOf(Next(ref seed, records), key);
            }
            return found;
        }
    }
}
