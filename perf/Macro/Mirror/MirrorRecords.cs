using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Appliance.State;

namespace Appliance.Perf.Macro.Mirror;

/// <summary>The records of the mirror's benchmarks: 32 B keys, 16 B values.</summary>
internal static class MirrorRecords
{
    internal const int KeyBytes = 32, ValueBytes = 16;

    /// <summary>The n-th key. With acknowledgement it belongs to a class that asks for it.</summary>
    internal static void WriteKey(Span<byte> key, int number, bool acknowledged)
    {
        (acknowledged ? "cart:0000000000000000000"u8 : "updates:0000000000000000"u8).CopyTo(key);
        BinaryPrimitives.WriteUInt64BigEndian(key[24..KeyBytes], Mix((ulong)number));
    }

    /// <summary>Sum over keys and values; a key that is missing spoils it.</summary>
    internal static ulong Sum(ServiceStore store, int from, int through)
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        ulong sum = 0;
        for (int number = from; number < through; number++)
        {
            WriteKey(key, number, acknowledged: false);
            if (!store.TryRead(key, out StoredValue value) || value.Bytes.Length != ValueBytes) throw new InvalidDataException($"key {number} is missing or has a wrong value");
            ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(value.Bytes);
            sum += Mix((ulong)number ^ Mix(words[0] ^ Mix(words[1])));
        }
        return sum;
    }

    // A bijection: the finaliser of SplitMix64.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }
}
