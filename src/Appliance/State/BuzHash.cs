using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Appliance.State;

/// <summary>BUZhash by Robert Uzgalis over 256 words of 64 bits that a seed determines (A11). Immutable; any thread.</summary>
/// <remarks>
/// Published definition: <c>h = 0; for each byte: h = rotl(h, 1) ^ word[byte]</c>, where each of the 64 bit positions is one in exactly half of the words.
/// What is added to it, and why:
/// <list type="bullet">
/// <item>Whoever does not know the seed cannot make keys collide.</item>
/// <item>
/// Rotation has period 64, so bytes 64 apart would swap or cancel unseen, and a block of 64 equal bytes would come out as all ones or all zeros.
/// The state is mixed after every <see cref="BlockBytes"/> = 32: then a periodic block still keeps at least 33 bits
/// ((1 + y)^31 in the ring modulo y^64 + 1).
/// </item>
/// <item>The length enters, and a finaliser spreads the bits: the table takes the bucket from the highest and the tag from the lowest.</item>
/// </list>
/// </remarks>
internal sealed unsafe class BuzHash
{
    /// <summary>Length of the seed: 128 bits.</summary>
    public const int SeedBytes = 16;

    /// <summary>The state is mixed after so many bytes when more follow.</summary>
    public const int BlockBytes = 32;

    private const int Words = 256;
    private const int FoldedBytes = 8;
    private const ulong LengthFactor = 0x9E37_79B9_7F4A_7C15;

    private readonly ulong[] _memory;
    private readonly ulong* _tables;

    /// <param name="seed">128 bits, secret to the group. Every member that exchanges hashes or cursors needs the same.</param>
    public BuzHash(ReadOnlySpan<byte> seed)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(seed.Length, SeedBytes);
        const int lineWords = 8;
        _memory = GC.AllocateUninitializedArray<ulong>(FoldedBytes * Words + lineWords, pinned: true);
        _tables = (ulong*)(((nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory)) + 63) & ~63);

        Span<ulong> words = stackalloc ulong[Words];
        BalancedWords.Derive(seed, words);
        for (int position = 0; position < FoldedBytes; position++)
        {
            for (int value = 0; value < Words; value++)
            {
                _tables[position * Words + value] = BitOperations.RotateLeft(words[value], FoldedBytes - 1 - position);
            }
        }
    }

    /// <summary>The word of a byte value.</summary>
    public ulong Word(byte value) => _tables[(FoldedBytes - 1) * Words + value];

    /// <summary>The published definition, unchanged: no length, no mixing, no finaliser.</summary>
    public ulong Raw(ReadOnlySpan<byte> key)
    {
        fixed (byte* bytes = key) return Fold(0, bytes, key.Length);
    }

    /// <summary>The hash of a key: all 64 bits are usable.</summary>
    public ulong Hash(ReadOnlySpan<byte> key)
    {
        fixed (byte* bytes = key) return Hash(bytes, key.Length);
    }

    /// <inheritdoc cref="Hash(ReadOnlySpan{byte})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Hash(byte* key, int length)
    {
        ulong state = 0;
        int rest = length;
        while (rest > BlockBytes)
        {
            state = Mix(Fold(state, key, BlockBytes));
            key += BlockBytes;
            rest -= BlockBytes;
        }
        return Mix(Fold(state, key, rest) ^ (ulong)length * LengthFactor);
    }

    /// <summary>Rotation distributes over xor: eight bytes fold at once through pre-rotated words, without a chain of dependencies (perf/Micro, BuzHashBenchmark).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Fold(ulong state, byte* bytes, int length)
    {
        ulong* tables = _tables;
        for (; length >= FoldedBytes; length -= FoldedBytes, bytes += FoldedBytes)
        {
            // Unsigned indexes: the compiler then folds each table's offset into the load.
            ulong a = tables[(nuint)bytes[0]] ^ tables[1 * Words + (nuint)bytes[1]];
            ulong b = tables[2 * Words + (nuint)bytes[2]] ^ tables[3 * Words + (nuint)bytes[3]];
            ulong c = tables[4 * Words + (nuint)bytes[4]] ^ tables[5 * Words + (nuint)bytes[5]];
            ulong d = tables[6 * Words + (nuint)bytes[6]] ^ tables[7 * Words + (nuint)bytes[7]];
            state = BitOperations.RotateLeft(state, FoldedBytes) ^ (a ^ b ^ (c ^ d));
        }
        for (; length > 0; length--, bytes++) state = BitOperations.RotateLeft(state, 1) ^ tables[7 * Words + (nuint)(*bytes)];
        return state;
    }

    /// <summary>A bijection that spreads every bit over all (David Stafford's variant 13 of the MurmurHash3 finaliser).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }

    /// <summary>Expands a seed into words of which each bit position is one in exactly half.</summary>
    private static class BalancedWords
    {
        /// <summary>
        /// Random words, then in each column as many random bits of the majority are flipped as it exceeds one half: by symmetry every
        /// balanced column is equally likely.
        /// </summary>
        public static void Derive(ReadOnlySpan<byte> seed, Span<ulong> words)
        {
            var stream = new KeyStream(seed);
            foreach (ref ulong word in words) word = stream.NextUInt64();
            for (int bit = 0; bit < 64; bit++)
            {
                ulong mask = 1UL << bit;
                int ones = 0;
                foreach (ulong word in words) ones += (int)((word >> bit) & 1);
                ulong majority = ones > Words / 2 ? mask : 0;
                for (int excess = Math.Abs(ones - Words / 2); excess > 0;)
                {
                    ref ulong word = ref words[stream.NextByte()];
                    if ((word & mask) != majority) continue;
                    word ^= mask;
                    excess--;
                }
            }
        }
    }

    /// <summary>HMAC-SHA-256 in counter mode.</summary>
    private ref struct KeyStream
    {
        private static readonly byte[] Label = "appliance buzhash words 1"u8.ToArray();

        private readonly byte[] _input;
        private readonly byte[] _block = new byte[HMACSHA256.HashSizeInBytes];
        private readonly ReadOnlySpan<byte> _seed;
        private int _used = HMACSHA256.HashSizeInBytes;
        private uint _counter;

        public KeyStream(ReadOnlySpan<byte> seed)
        {
            _seed = seed;
            _input = [.. Label, 0, 0, 0, 0];
        }

        public ulong NextUInt64()
        {
            ulong value = 0;
            for (int i = 0; i < sizeof(ulong); i++) value = value << 8 | NextByte();
            return value;
        }

        public byte NextByte()
        {
            if (_used == _block.Length)
            {
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(_input.AsSpan(Label.Length), _counter++);
                HMACSHA256.HashData(_seed, _input, _block);
                _used = 0;
            }
            return _block[_used++];
        }
    }
}
