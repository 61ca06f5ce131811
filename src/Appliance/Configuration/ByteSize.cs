using System.Globalization;

namespace Appliance.Configuration;

/// <summary>A number of bytes as it is written in the configuration: <c>64MiB</c>.</summary>
/// <param name="Bytes">The bytes, at least 0.</param>
public readonly record struct ByteSize(long Bytes)
{
    private static readonly (string Suffix, int Shift)[] Units = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

    /// <summary>So many bytes.</summary>
    public static ByteSize OfBytes(long bytes) => new(bytes);

    /// <summary>So many KiB.</summary>
    public static ByteSize OfKibibytes(long kibibytes) => new(kibibytes << 10);

    /// <summary>So many MiB.</summary>
    public static ByteSize OfMebibytes(long mebibytes) => new(mebibytes << 20);

    /// <summary>So many GiB.</summary>
    public static ByteSize OfGibibytes(long gibibytes) => new(gibibytes << 30);

    /// <summary>Order by size.</summary>
    public static bool operator <(ByteSize left, ByteSize right) => left.Bytes < right.Bytes;

    /// <summary>Order by size.</summary>
    public static bool operator >(ByteSize left, ByteSize right) => left.Bytes > right.Bytes;

    /// <summary>Order by size.</summary>
    public static bool operator <=(ByteSize left, ByteSize right) => left.Bytes <= right.Bytes;

    /// <summary>Order by size.</summary>
    public static bool operator >=(ByteSize left, ByteSize right) => left.Bytes >= right.Bytes;

    /// <summary>Reads a whole number with the unit B, KiB, MiB or GiB; a bare 0 needs none.</summary>
    public static bool TryParse(string text, out ByteSize size)
    {
        size = default;
        if (text == "0") return true;
        foreach ((string suffix, int shift) in Units)
        {
            if (!text.EndsWith(suffix, StringComparison.OrdinalIgnoreCase)) continue;
            string digits = text[..^suffix.Length].TrimEnd();
            if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long count) || count > long.MaxValue >> shift) return false;
            size = new ByteSize(count << shift);
            return true;
        }
        return false;
    }

    /// <summary>The number in the largest unit that divides it.</summary>
    public override string ToString()
    {
        if (Bytes == 0) return "0";
        foreach ((string suffix, int shift) in Units)
        {
            if (Bytes % (1L << shift) == 0) return string.Create(CultureInfo.InvariantCulture, $"{Bytes >> shift}{suffix}");
        }
        return string.Create(CultureInfo.InvariantCulture, $"{Bytes}B");
    }
}
