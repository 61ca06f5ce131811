using System.Runtime.InteropServices;

namespace Appliance.Lab.Backend;

/// <summary>
/// The page <c>/big</c>: 64 MiB that look random and are always the same. The n-th word of 8 bytes, little-endian, n from 0, is the n-th output of
/// SplitMix64 with seed 0: <c>z = (n + 1) * 0x9E3779B97F4A7C15; z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9; z = (z ^ z >> 27) * 0x94D049BB133111EB; z ^ z >> 31</c>.
/// </summary>
internal static class BigPage
{
    /// <summary>Its length.</summary>
    internal const int Bytes = 64 << 20;

    /// <summary>Writes the page, or its beginning.</summary>
    internal static void Fill(Span<byte> page)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(page);
        for (int i = 0; i < words.Length; i++) words[i] = Word((ulong)i);
    }

    private static ulong Word(ulong index)
    {
        ulong z = (index + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
