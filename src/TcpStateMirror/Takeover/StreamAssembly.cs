using System.Numerics;
using System.Runtime.InteropServices;

namespace Appliance.TcpStateMirror.Takeover;

/// <summary>What became of bytes given to a <see cref="StreamAssembly"/>.</summary>
public enum AssemblyResult
{
    /// <summary>Some of them were new and are held.</summary>
    Added,

    /// <summary>All were held or trimmed before.</summary>
    Known,

    /// <summary>They lie too far ahead, leave too many holes, or memory is used up; nothing is changed, and the peer repeats them.</summary>
    NoRoom,
}

/// <summary>
/// One direction of a connection, put together from segments in any order, cut in any way: the bytes that were received and that the other side has not acknowledged. Offsets count from the stream's
/// first byte. What is contiguous never changes: a repetition that says something else is ignored, as the kernel ignores it. One thread; native memory, freed when nothing is held.
/// </summary>
public sealed unsafe class StreamAssembly : IDisposable
{
    /// <summary>Most bytes from the base on. 8 MiB: the buffers of both sockets and a window in flight.</summary>
    public const int LargestBytes = 8 << 20;

    /// <summary>Most runs behind holes. 64: a window of which every other segment is lost has more, and waits for the repetition.</summary>
    public const int MostRuns = 64;

    private const int SmallestBytes = 4096;
    private readonly AssemblyMemory _memory;
    private long[]? _starts, _ends; // the runs behind End, ascending, not touching
    private int _runs;
    private byte* _ring;
    private long _capacity;

    /// <param name="memory">Limits all of them together.</param>
    /// <param name="start">Offset of the first byte that it will hold.</param>
    public StreamAssembly(AssemblyMemory memory, long start = 0)
    {
        _memory = memory;
        Base = End = start;
    }

    /// <summary>Everything before it was acknowledged by the other side.</summary>
    public long Base { get; private set; }

    /// <summary>Everything before it was received.</summary>
    public long End { get; private set; }

    /// <summary>Offset of the FIN; negative before it was seen.</summary>
    public long FinAt { get; private set; } = -1;

    /// <summary>Everything up to the FIN was received.</summary>
    public bool IsFinished => FinAt >= 0 && End >= FinAt;

    /// <summary>Bytes of memory.</summary>
    public long CapacityBytes => _capacity;

    private long Highest => _runs > 0 ? _ends![_runs - 1] : End;

    /// <summary>Takes a segment's bytes.</summary>
    public AssemblyResult Add(long offset, ReadOnlySpan<byte> bytes)
    {
        long last = offset + bytes.Length;
        if (FinAt >= 0 && last > FinAt) last = FinAt; // nothing follows a FIN
        long first = Math.Max(offset, End);
        if (first >= last) return AssemblyResult.Known;
        if (IsHeld(first, last)) return AssemblyResult.Known;
        if (last - Base > LargestBytes || !TryInsertable(first, last) || !Reserve(last)) return AssemblyResult.NoRoom;
        Store(first, bytes[(int)(first - offset)..(int)(last - offset)]);
        Insert(first, last);
        return AssemblyResult.Added;
    }

    /// <summary>Takes a FIN behind the bytes before an offset.</summary>
    /// <returns>False when bytes behind it, or another FIN, were taken already: it is ignored.</returns>
    public bool Finish(long offset)
    {
        if (offset < Highest || (FinAt >= 0 && FinAt != offset)) return FinAt == offset;
        FinAt = offset;
        return true;
    }

    /// <summary>The other side has acknowledged everything before an offset; more than was received is ignored.</summary>
    public void Trim(long offset)
    {
        if (offset <= Base || offset > End) return;
        Base = offset;
        if (Base == Highest) Free();
    }

    /// <summary>Bytes from an offset on that lie in one piece, up to <see cref="End"/>.</summary>
    public ReadOnlySpan<byte> Read(long offset)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(offset, Base);
        if (offset >= End) return default;
        long at = offset & (_capacity - 1);
        return new ReadOnlySpan<byte>(_ring + at, (int)Math.Min(End - offset, _capacity - at));
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose() => Free();

    private bool IsHeld(long first, long last)
    {
        for (int i = 0; i < _runs; i++)
            if (_starts![i] <= first && last <= _ends![i]) return true;
        return false;
    }

    private bool TryInsertable(long first, long last)
    {
        if (first == End || _runs < MostRuns) return true;
        for (int i = 0; i < _runs; i++)
            if (first <= _ends![i] && last >= _starts![i]) return true;
        return false;
    }

    private bool Reserve(long last)
    {
        long needed = last - Base;
        if (needed <= _capacity) return true;
        long capacity = (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(needed, SmallestBytes));
        if (!_memory.TryTake(capacity - _capacity)) return false;
        var ring = (byte*)NativeMemory.Alloc((nuint)capacity);
        for (long offset = Base; offset < Highest;)
        {
            long from = offset & (_capacity - 1), to = offset & (capacity - 1);
            long length = Math.Min(Highest - offset, Math.Min(_capacity - from, capacity - to));
            NativeMemory.Copy(_ring + from, ring + to, (nuint)length);
            offset += length;
        }
        NativeMemory.Free(_ring);
        _ring = ring;
        _capacity = capacity;
        return true;
    }

    private void Store(long offset, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            long at = offset & (_capacity - 1);
            int length = (int)Math.Min(bytes.Length, _capacity - at);
            bytes[..length].CopyTo(new Span<byte>(_ring + at, length));
            offset += length;
            bytes = bytes[length..];
        }
    }

    private void Insert(long first, long last)
    {
        // The runs that it touches become one with it.
        int from = 0;
        while (from < _runs && _ends![from] < first) from++;
        int to = from;
        while (to < _runs && _starts![to] <= last) to++;
        if (to > from)
        {
            first = Math.Min(first, _starts![from]);
            last = Math.Max(last, _ends![to - 1]);
        }
        if (first <= End)
        {
            End = last; // nothing before it is left: runs ascend
            Close(0, to);
            return;
        }
        _starts ??= new long[MostRuns];
        _ends ??= new long[MostRuns];
        if (to == from)
        {
            Array.Copy(_starts, from, _starts, from + 1, _runs - from);
            Array.Copy(_ends, from, _ends, from + 1, _runs - from);
            _runs++;
        }
        else
        {
            Close(from + 1, to);
        }
        _starts[from] = first;
        _ends[from] = last;
    }

    // Removes runs.
    private void Close(int from, int to)
    {
        if (to <= from) return;
        Array.Copy(_starts!, to, _starts!, from, _runs - to);
        Array.Copy(_ends!, to, _ends!, from, _runs - to);
        _runs -= to - from;
    }

    private void Free()
    {
        if (_capacity == 0) return;
        NativeMemory.Free(_ring);
        _memory.Give(_capacity);
        _ring = null;
        _capacity = 0;
    }
}
