using System.Buffers.Text;

namespace Appliance.Listeners.Resp.Protocol;

/// <summary>Integers as Redis reads and writes them.</summary>
internal static class RespNumber
{
    /// <summary>Longest decimal form of a 64-bit integer.</summary>
    public const int MaxBytes = 20;

    /// <summary>As strict as string2ll of util.c: an optional minus, no leading zero, no blanks, nothing else, within 64 bits.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out long number)
    {
        number = 0;
        if (text.Length is 0 or > MaxBytes) return false;
        bool negative = text[0] == (byte)'-';
        ReadOnlySpan<byte> digits = negative ? text[1..] : text;
        if (digits.IsEmpty) return false;
        if (digits[0] == (byte)'0') return text.Length == 1;
        ulong magnitude = 0;
        foreach (byte digit in digits)
        {
            uint value = (uint)(digit - '0');
            if (value > 9 || magnitude > (ulong.MaxValue - value) / 10) return false;
            magnitude = magnitude * 10 + value;
        }
        if (magnitude > (negative ? 1UL << 63 : long.MaxValue)) return false;
        number = negative ? unchecked(-(long)magnitude) : (long)magnitude;
        return true;
    }

    /// <summary>As lax as Redis with cursors (strtoul of C over a text that a NUL ends): a sign may stand before the digits, nothing at all is 0.</summary>
    public static bool TryParseCursor(ReadOnlySpan<byte> text, out ulong cursor)
    {
        int end = text.IndexOf((byte)0);
        if (end >= 0) text = text[..end];
        cursor = 0;
        if (text.IsEmpty) return true;
        bool negative = text[0] == (byte)'-';
        if (negative || text[0] == (byte)'+') text = text[1..];
        if (!Utf8Parser.TryParse(text, out cursor, out int used) || used != text.Length) return false;
        if (negative) cursor = unchecked(0 - cursor);
        return true;
    }

    /// <summary>Writes a number in decimal.</summary>
    /// <param name="number">Any value.</param>
    /// <param name="destination">At least <see cref="MaxBytes"/> long.</param>
    /// <returns>Bytes written.</returns>
    public static int Format(long number, Span<byte> destination)
    {
        Utf8Formatter.TryFormat(number, destination, out int written);
        return written;
    }
}
