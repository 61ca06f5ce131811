namespace Appliance.Listeners.Http;

/// <summary>
/// Where the body of a request ends: after so many bytes, or after its last chunk (RFC 9112, 7.1). Chunks go on as they are, but for their extensions and the
/// trailer, which nobody needs to understand and which servers read differently: those are left out.
/// </summary>
internal struct HttpBody
{
    private const int MaxSizeDigits = 15; // fits into a long
    private const int MaxExtraBytes = 8192; // extensions and trailer of one body
    private Part _part;
    private long _remaining;
    private int _digits;
    private int _extra;

    private enum Part
    {
        None,
        Length,
        Size,
        Extension,
        SizeEnd,
        Data,
        DataReturn,
        DataEnd,
        TrailerBegin,
        Trailer,
        TrailerEnd,
        LastEnd,
    }

    /// <summary>It has ended, or there is none.</summary>
    internal readonly bool HasEnded => _part == Part.None;

    /// <summary>So many bytes follow that need not be looked at.</summary>
    internal readonly long PlainBytes => _part is Part.Length or Part.Data ? _remaining : 0;

    /// <summary>Begins with the body of a head.</summary>
    internal static HttpBody After(in HttpRequestHead head) => new() { _part = head.IsChunked ? Part.Size : head.ContentLength > 0 ? Part.Length : Part.None, _remaining = head.ContentLength };

    /// <summary>So many bytes of <see cref="PlainBytes"/> have gone on.</summary>
    internal void Skip(int bytes)
    {
        _remaining -= bytes;
        if (_remaining == 0) _part = _part == Part.Data ? Part.DataReturn : Part.None;
    }

    /// <summary>Passes bytes on, to the end of the body at most.</summary>
    /// <param name="input">What came.</param>
    /// <param name="output">At least as long.</param>
    /// <param name="taken">Bytes of the input that belong to the body.</param>
    /// <param name="written">Bytes of the output.</param>
    /// <returns>False when the chunks are malformed.</returns>
    internal bool TryPass(ReadOnlySpan<byte> input, Span<byte> output, out int taken, out int written)
    {
        taken = written = 0;
        while (taken < input.Length && !HasEnded)
        {
            if (PlainBytes > 0)
            {
                int part = (int)Math.Min(_remaining, input.Length - taken);
                input.Slice(taken, part).CopyTo(output[written..]);
                taken += part;
                written += part;
                Skip(part);
                continue;
            }
            byte next = input[taken++];
            if (!TryStep(next, out bool goesOn)) return false;
            if (goesOn) output[written++] = next;
        }
        return true;
    }

    // One byte of the framing.
    private bool TryStep(byte next, out bool goesOn)
    {
        goesOn = true;
        switch (_part)
        {
            case Part.Size when Digit(next) is var digit and >= 0:
                _remaining = _remaining * 16 + digit;
                return ++_digits <= MaxSizeDigits;
            case Part.Size when _digits > 0 && next is (byte)';' or (byte)' ' or (byte)'\t':
                _part = Part.Extension;
                goesOn = false;
                return _digits > 0;
            case Part.Size or Part.Extension when next == '\r':
                _part = Part.SizeEnd;
                return _digits > 0;
            case Part.Extension:
                goesOn = false;
                return next is not ((byte)'\n' or 0) && ++_extra <= MaxExtraBytes;
            case Part.SizeEnd:
                _digits = 0;
                _part = _remaining > 0 ? Part.Data : Part.TrailerBegin;
                return next == '\n';
            case Part.DataReturn:
                _part = Part.DataEnd;
                return next == '\r';
            case Part.DataEnd:
                _part = Part.Size;
                return next == '\n';
            case Part.TrailerBegin when next == '\r':
                _part = Part.LastEnd;
                return true;
            case Part.TrailerBegin or Part.Trailer:
                goesOn = false;
                _part = next == '\r' ? Part.TrailerEnd : Part.Trailer;
                return next is not ((byte)'\n' or 0) && ++_extra <= MaxExtraBytes;
            case Part.TrailerEnd:
                goesOn = false;
                _part = Part.TrailerBegin;
                return next == '\n';
            case Part.LastEnd:
                _part = Part.None;
                return next == '\n';
            default:
                return false;
        }
    }

    private static int Digit(byte next) => next switch
    {
        >= (byte)'0' and <= (byte)'9' => next - '0',
        >= (byte)'a' and <= (byte)'f' => next - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => next - 'A' + 10,
        _ => -1,
    };
}
