using System.Runtime.InteropServices;
using Appliance.State;
using BenchmarkDotNet.Attributes;

namespace Appliance.Perf.Micro;

/// <summary>Single operations on a table of a million records, keys at random; each figure is per operation.</summary>
[MemoryDiagnoser]
public class StateTableBenchmark
{
    private const int Records = 1_000_000, Keys = 4096, KeyBytes = 32, ValueBytes = 16, BatchBytes = Keys * KeyBytes;

    private readonly byte[] _keys = new byte[BatchBytes];
    private readonly BatchKey[] _batch = new BatchKey[Keys];
    private readonly BatchResult[] _results = new BatchResult[Keys];
    private readonly byte[] _values = new byte[Keys * ValueBytes];
    private readonly ulong[] _hashes = new ulong[Keys];
    private readonly uint[] _handles = new uint[Keys];
    private StateTable _table = null!;
    private ulong _version;

    /// <summary>Fills the table and chooses keys.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _table = new StateTable(new StateTableOptions { Hash = new BuzHash("0123456789abcdef"u8), MaxBytes = 1L << 30 });
        byte[] key = new byte[KeyBytes], value = new byte[ValueBytes];
        for (int i = 0; i < Records; i++)
        {
            WriteKey(i, key);
            _table.Upsert(key, _table.Hash(key), default, value, out _);
        }
        var random = new Random(3);
        for (int i = 0; i < Keys; i++)
        {
            _batch[i] = new BatchKey(i * KeyBytes, KeyBytes);
            WriteKey(random.Next(Records), _keys.AsSpan(i * KeyBytes, KeyBytes));
            _hashes[i] = _table.Hash(KeyOf(i));
        }
    }

    /// <summary>Gives the memory back.</summary>
    [GlobalCleanup]
    public void Cleanup() => _table.Dispose();

    /// <summary>Copying lookup, one after the other.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Keys)]
    public int TryGet()
    {
        int found = 0;
        for (int i = 0; i < Keys; i++)
        {
            if (_table.TryGet(KeyOf(i), _table.Hash(KeyOf(i)), _values, out _, out _)) found++;
        }
        return found;
    }

    /// <summary>Copying lookup in a pipeline.</summary>
    [Benchmark(OperationsPerInvoke = Keys)]
    public int GetBatch() => _table.GetBatch(_keys, _batch, _values, ValueBytes, _results);

    /// <summary>The writer's lookup in a pipeline.</summary>
    [Benchmark(OperationsPerInvoke = Keys)]
    public uint FindBatch()
    {
        _table.FindBatch(_keys, _batch, _hashes, _handles);
        return _handles[0];
    }

    /// <summary>Updates of present records, one after the other.</summary>
    [Benchmark(OperationsPerInvoke = Keys)]
    public uint Upsert()
    {
        uint last = 0;
        for (int i = 0; i < Keys; i++) last = Update(i);
        return last;
    }

    /// <summary>Updates as a mirror applies a run: buckets, then records, then updates.</summary>
    [Benchmark(OperationsPerInvoke = Keys)]
    public uint UpsertPrefetched()
    {
        const int run = 32;
        uint last = 0;
        for (int first = 0; first < Keys; first += run)
        {
            for (int i = first; i < first + run; i++) _table.PrefetchBucket(_hashes[i] = _table.Hash(KeyOf(i)));
            for (int i = first; i < first + run; i++) _table.PrefetchRecord(_hashes[i]);
            for (int i = first; i < first + run; i++) last = Update(i);
        }
        return last;
    }

    private uint Update(int i)
    {
        var header = new RecordHeader { Version = ++_version };
        return _table.Upsert(KeyOf(i), _hashes[i], header, _values.AsSpan(0, ValueBytes), out _);
    }

    private ReadOnlySpan<byte> KeyOf(int i) => _keys.AsSpan(i * KeyBytes, KeyBytes);

    private static void WriteKey(int number, Span<byte> key)
    {
        key.Clear();
        MemoryMarshal.Write(key, (ulong)number * 0x9E37_79B9_7F4A_7C15);
    }
}
