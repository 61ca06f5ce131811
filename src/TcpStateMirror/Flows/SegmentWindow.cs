namespace Appliance.TcpStateMirror.Flows;

/// <summary>Holds segments that came before the ones in front of them, in a window that begins at the next byte expected. Bounded. Not thread-safe.</summary>
internal sealed class SegmentWindow
{
    /// <summary>How far ahead a segment may be: a flight of certificates fits.</summary>
    public const int Bytes = 32768;

    private const int MaxRanges = 16; // more gaps than that in one flight of hellos are a broken path

    private readonly byte[] _bytes = new byte[Bytes];
    private readonly (int Start, int End)[] _ranges = new (int, int)[MaxRanges];
    private int _count;

    /// <summary>Nothing is held.</summary>
    public bool IsEmpty => _count == 0;

    /// <summary>Holds bytes; those beyond the window, or in one gap too many, are let go.</summary>
    /// <param name="offset">Distance from the next byte expected, above 0.</param>
    /// <param name="bytes">The segment.</param>
    public void Hold(int offset, ReadOnlySpan<byte> bytes)
    {
        if (offset >= Bytes) return;
        bytes = bytes[..Math.Min(bytes.Length, Bytes - offset)];
        int start = offset, end = offset + bytes.Length;
        int first = 0;
        while (first < _count && _ranges[first].End < start) first++;
        int last = first;
        while (last < _count && _ranges[last].Start <= end)
        {
            start = Math.Min(start, _ranges[last].Start);
            end = Math.Max(end, _ranges[last].End);
            last++;
        }
        int removed = last - first;
        if (removed == 0 && _count == MaxRanges) return;
        bytes.CopyTo(_bytes.AsSpan(offset));
        Array.Copy(_ranges, last, _ranges, first + 1, _count - last);
        _ranges[first] = (start, end);
        _count += 1 - removed;
    }

    /// <summary>The window moves on.</summary>
    /// <param name="count">By how many bytes.</param>
    /// <returns>What is held from there on without a gap; valid until the next call.</returns>
    public ReadOnlySpan<byte> Advance(int count)
    {
        if (_count == 0) return default;
        _bytes.AsSpan(Math.Min(count, Bytes)).CopyTo(_bytes);
        int kept = 0;
        for (int i = 0; i < _count; i++)
        {
            (int start, int end) = (Math.Max(0, _ranges[i].Start - count), _ranges[i].End - count);
            if (end > 0) _ranges[kept++] = (start, end);
        }
        _count = kept;
        return _count > 0 && _ranges[0].Start == 0 ? _bytes.AsSpan(0, _ranges[0].End) : default;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear() => _count = 0;
}
