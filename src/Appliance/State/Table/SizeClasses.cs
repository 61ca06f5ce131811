using System.Numerics;

namespace Appliance.State;

/// <summary>Sizes of slots: multiples of 8 up to 128 bytes, then eight per doubling, so that at most an eighth is wasted.</summary>
internal static class SizeClasses
{
    /// <summary>Smallest slot.</summary>
    public const int MinBytes = 32;

    /// <summary>Largest slot: the longest key of 65,535 bytes with its header.</summary>
    public const int MaxBytes = 72 * 1024;

    /// <summary>Number of classes.</summary>
    public static readonly int Count = IndexOf(MaxBytes) + 1;

    private const int FineLimit = 128, FineStep = 8, FineClasses = (FineLimit - MinBytes) / FineStep + 1;

    /// <summary>The class of the smallest slot that holds so many bytes.</summary>
    public static int IndexOf(int bytes)
    {
        if (bytes <= FineLimit) return bytes <= MinBytes ? 0 : (bytes - MinBytes + FineStep - 1) / FineStep;
        int doubling = BitOperations.Log2((uint)(bytes - 1)) - 7;
        int step = FineLimit << doubling >> 3;
        int first = FineLimit << doubling;
        return FineClasses + doubling * 8 + (bytes - first + step - 1) / step - 1;
    }

    /// <summary>Bytes of a class's slots.</summary>
    public static int BytesOf(int index)
    {
        if (index < FineClasses) return MinBytes + index * FineStep;
        int doubling = (index - FineClasses) / 8, position = (index - FineClasses) % 8;
        return (FineLimit << doubling) + (position + 1) * (FineLimit << doubling >> 3);
    }
}
