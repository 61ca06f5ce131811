using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Appliance.State;

/// <summary>Comparing and copying the short runs of bytes that keys and values are, without a call.</summary>
internal static unsafe class ByteBlocks
{
    private const int LongBytes = 128;

    /// <summary>
    /// Compares in pieces of 8: a caller has often just stored the key in such pieces, and a wider load would wait for all of them to leave the
    /// store buffer (FINDINGS, Table).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreEqual(byte* left, byte* right, int length)
    {
        if (length < sizeof(ulong)) return AreEqualShort(left, right, length);
        int last = length - sizeof(ulong);
        for (int i = 0; i < last; i += sizeof(ulong))
        {
            if (Unsafe.ReadUnaligned<ulong>(left + i) != Unsafe.ReadUnaligned<ulong>(right + i)) return false;
        }
        return Unsafe.ReadUnaligned<ulong>(left + last) == Unsafe.ReadUnaligned<ulong>(right + last);
    }

    /// <summary>Copies; the two must not overlap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(byte* destination, byte* source, int length)
    {
        if (length >= Vector128<byte>.Count)
        {
            if (length > LongBytes)
            {
                Unsafe.CopyBlockUnaligned(destination, source, (uint)length);
                return;
            }
            int last = length - Vector128<byte>.Count;
            for (int i = 0; i < last; i += Vector128<byte>.Count) Vector128.Store(Vector128.Load(source + i), destination + i);
            Vector128.Store(Vector128.Load(source + last), destination + last);
        }
        else
        {
            CopyShort(destination, source, length);
        }
    }

    private static bool AreEqualShort(byte* left, byte* right, int length)
    {
        for (int i = 0; i < length; i++)
        {
            if (left[i] != right[i]) return false;
        }
        return true;
    }

    private static void CopyShort(byte* destination, byte* source, int length)
    {
        if (length >= sizeof(ulong))
        {
            ulong first = Unsafe.ReadUnaligned<ulong>(source), second = Unsafe.ReadUnaligned<ulong>(source + length - sizeof(ulong));
            Unsafe.WriteUnaligned(destination, first);
            Unsafe.WriteUnaligned(destination + length - sizeof(ulong), second);
            return;
        }
        for (int i = 0; i < length; i++) destination[i] = source[i];
    }
}
