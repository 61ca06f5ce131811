using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Appliance.Listeners.Resp.Protocol;

/// <summary>
/// Encodes replies into memory outside the collected heap, in the protocol version that the client chose.
/// A reply that would pass the limit is cut short and reported by <see cref="Overflowed"/>: the caller rolls it back.
/// </summary>
internal sealed unsafe class RespWriter : IDisposable
{
    private const int RetainedBytes = 1 << 20;
    private readonly int _maxReplyBytes;
    private byte* _buffer;
    private int _capacity;
    private int _replyStart;
    private int _writable; // up to here a write needs no second thought: within the memory and within the limit of the reply

    /// <param name="initialBytes">Memory taken at once.</param>
    /// <param name="maxReplyBytes">Largest reply.</param>
    public RespWriter(int initialBytes, int maxReplyBytes)
    {
        _maxReplyBytes = maxReplyBytes;
        _capacity = initialBytes;
        _buffer = (byte*)NativeMemory.Alloc((nuint)initialBytes);
        BeginReply();
    }

    /// <summary>2 or 3.</summary>
    public int Protocol { get; set; } = 2;

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>The reply begun last was cut because it passed the limit.</summary>
    public bool Overflowed { get; private set; }

    /// <summary>What was written, valid until the next write.</summary>
    public ReadOnlySpan<byte> Written => new(_buffer, Length);

    /// <summary>Starts the next reply: the limit counts from here.</summary>
    /// <returns>The mark to roll back to.</returns>
    public int BeginReply()
    {
        Overflowed = false;
        _replyStart = Length;
        _writable = (int)Math.Min(_capacity, Length + (long)_maxReplyBytes);
        return Length;
    }

    /// <summary>Forgets what was written after a mark.</summary>
    public void RollBack(int mark)
    {
        Length = mark;
        BeginReply();
    }

    /// <summary>Forgets everything and gives back what a large reply took.</summary>
    public void Clear()
    {
        Length = 0;
        if (_capacity > RetainedBytes)
        {
            NativeMemory.Free(_buffer);
            _capacity = RetainedBytes;
            _buffer = (byte*)NativeMemory.Alloc(RetainedBytes);
        }
        BeginReply();
    }

    /// <summary>Bytes that are a reply already.</summary>
    public void Raw(ReadOnlySpan<byte> bytes)
    {
        if (!Ensure(bytes.Length)) return;
        bytes.CopyTo(new Span<byte>(_buffer + Length, bytes.Length));
        Length += bytes.Length;
    }

    /// <summary>+text</summary>
    public void Simple(ReadOnlySpan<byte> text) => Line((byte)'+', text);

    /// <summary>-text; line ends within it become blanks, those at its end go, as in Redis.</summary>
    public void Error(ReadOnlySpan<byte> text)
    {
        text = text.TrimEnd("\r\n"u8);
        int start = Length + 1;
        Line((byte)'-', text);
        if (Length <= start) return;
        Span<byte> written = new(_buffer + start, Length - start - 2);
        written.Replace((byte)'\r', (byte)' ');
        written.Replace((byte)'\n', (byte)' ');
    }

    /// <summary>:number</summary>
    public void Integer(long number) => Number((byte)':', number);

    /// <summary>$length, bytes</summary>
    public void Bulk(ReadOnlySpan<byte> bytes)
    {
        if (!Ensure(bytes.Length + RespNumber.MaxBytes + 5)) return;
        Number((byte)'$', bytes.Length);
        byte* destination = _buffer + Length;
        bytes.CopyTo(new Span<byte>(destination, bytes.Length));
        destination[bytes.Length] = (byte)'\r';
        destination[bytes.Length + 1] = (byte)'\n';
        Length += bytes.Length + 2;
    }

    /// <summary>A bulk string with a number as its text.</summary>
    public void BulkNumber(long number)
    {
        Span<byte> text = stackalloc byte[RespNumber.MaxBytes];
        Bulk(text[..RespNumber.Format(number, text)]);
    }

    /// <summary>A bulk string with an unsigned number as its text.</summary>
    public void BulkNumber(ulong number)
    {
        Span<byte> text = stackalloc byte[RespNumber.MaxBytes];
        number.TryFormat(text, out int written);
        Bulk(text[..written]);
    }

    /// <summary>Text of several lines: a verbatim string in RESP3, a bulk string in RESP2.</summary>
    public void Verbatim(ReadOnlySpan<byte> text)
    {
        if (Protocol < 3)
        {
            Bulk(text);
            return;
        }
        Number((byte)'=', text.Length + 4);
        Raw("txt:"u8);
        Raw(text);
        Raw("\r\n"u8);
    }

    /// <summary>No value.</summary>
    public void Null() => Raw(Protocol < 3 ? "$-1\r\n"u8 : "_\r\n"u8);

    /// <summary>No array.</summary>
    public void NullArray() => Raw(Protocol < 3 ? "*-1\r\n"u8 : "_\r\n"u8);

    /// <summary>Header of an array; its elements follow.</summary>
    public void Array(int count) => Number((byte)'*', count);

    /// <summary>Header of a map; its pairs follow. In RESP2 an array twice as long.</summary>
    public void Map(int pairs) => Number(Protocol < 3 ? (byte)'*' : (byte)'%', Protocol < 3 ? 2 * pairs : pairs);

    /// <summary>Header of a set; its elements follow. In RESP2 an array.</summary>
    public void Set(int count) => Number(Protocol < 3 ? (byte)'*' : (byte)'~', count);

    /// <summary>Puts a header before what was written after a mark, once the number of elements is known.</summary>
    public void InsertArray(int mark, int count) => Insert(mark, (byte)'*', count);

    /// <summary>As <see cref="InsertArray"/>, for a map.</summary>
    public void InsertMap(int mark, int pairs) => Insert(mark, Protocol < 3 ? (byte)'*' : (byte)'%', Protocol < 3 ? 2 * pairs : pairs);

    /// <summary>Puts bytes before what was written after a mark.</summary>
    public void InsertRaw(int mark, ReadOnlySpan<byte> bytes)
    {
        if (!Ensure(bytes.Length)) return;
        int moved = Length - mark;
        new Span<byte>(_buffer + mark, moved).CopyTo(new Span<byte>(_buffer + mark + bytes.Length, moved));
        bytes.CopyTo(new Span<byte>(_buffer + mark, bytes.Length));
        Length += bytes.Length;
    }

    public void Dispose()
    {
        NativeMemory.Free(_buffer);
        _buffer = null;
        _capacity = 0;
    }

    private void Insert(int mark, byte type, int number)
    {
        Span<byte> header = stackalloc byte[RespNumber.MaxBytes + 3];
        header[0] = type;
        int length = 1 + RespNumber.Format(number, header[1..]);
        header[length++] = (byte)'\r';
        header[length++] = (byte)'\n';
        InsertRaw(mark, header[..length]);
    }

    private void Number(byte type, long number)
    {
        if (!Ensure(RespNumber.MaxBytes + 3)) return;
        byte* next = _buffer + Length;
        *next++ = type;
        if ((ulong)number < 10) *next++ = (byte)('0' + number);
        else next += RespNumber.Format(number, new Span<byte>(next, RespNumber.MaxBytes));
        *next++ = (byte)'\r';
        *next++ = (byte)'\n';
        Length = (int)(next - _buffer);
    }

    private void Line(byte type, ReadOnlySpan<byte> text)
    {
        if (!Ensure(text.Length + 3)) return;
        byte* next = _buffer + Length;
        *next++ = type;
        text.CopyTo(new Span<byte>(next, text.Length));
        next += text.Length;
        *next++ = (byte)'\r';
        *next = (byte)'\n';
        Length += text.Length + 3;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // one comparison on every write; growing is rare
    private bool Ensure(int more) => Length + (long)more <= _writable || Grow(more);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Grow(int more)
    {
        long needed = Length + (long)more;
        if (Overflowed || needed - _replyStart > _maxReplyBytes || needed > int.MaxValue / 2)
        {
            Overflowed = true;
            _writable = 0; // what follows is dropped as well
            return false;
        }
        int capacity = (int)Math.Min(int.MaxValue / 2, Math.Max(needed, 2L * _capacity));
        _buffer = (byte*)NativeMemory.Realloc(_buffer, (nuint)capacity);
        _capacity = capacity;
        _writable = (int)Math.Min(capacity, _replyStart + (long)_maxReplyBytes);
        return true;
    }
}
