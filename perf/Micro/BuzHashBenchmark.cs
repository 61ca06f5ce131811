using System.Numerics;
using Appliance.State;
using BenchmarkDotNet.Attributes;

namespace Appliance.Perf.Micro;

/// <summary>What folding eight bytes through pre-rotated words gains over the definition, and what the framework's own hash takes.</summary>
[MemoryDiagnoser]
public class BuzHashBenchmark
{
    private readonly BuzHash _hash = new("0123456789abcdef"u8);
    private byte[] _key = [];

    /// <summary>Length of the key.</summary>
    [Params(8, 16, 32, 64, 256)]
    public int KeyBytes { get; set; }

    /// <summary>Makes the key.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _key = new byte[KeyBytes];
        new Random(1).NextBytes(_key);
    }

    /// <summary>The table's hash.</summary>
    [Benchmark(Baseline = true)]
    public ulong Hash() => _hash.Hash(_key);

    /// <summary>Folded, without mixing and finaliser.</summary>
    [Benchmark]
    public ulong Raw() => _hash.Raw(_key);

    /// <summary>The published definition, byte for byte.</summary>
    [Benchmark]
    public ulong Definition()
    {
        ulong state = 0;
        foreach (byte value in _key) state = BitOperations.RotateLeft(state, 1) ^ _hash.Word(value);
        return state;
    }

    /// <summary>System.HashCode over the same bytes.</summary>
    [Benchmark]
    public int Framework()
    {
        var code = new HashCode();
        code.AddBytes(_key);
        return code.ToHashCode();
    }
}
