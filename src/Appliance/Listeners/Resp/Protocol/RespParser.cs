namespace Appliance.Listeners.Resp.Protocol;

/// <summary>How far an incomplete command was checked, so that a command that arrives in many pieces is not read again from its start each time.</summary>
internal struct RespProgress
{
    /// <summary>Bytes from the start of the command that are known to be well-formed.</summary>
    public int CheckedBytes;

    /// <summary>Arguments that have yet to come after <see cref="CheckedBytes"/>.</summary>
    public int RemainingArguments;

    /// <summary>Below this length of input another attempt is pointless.</summary>
    public int NeededBytes;
}

/// <summary>A command found by <see cref="RespParser"/>.</summary>
internal readonly record struct RespFrame
{
    /// <summary>Bytes of the command with its framing; 0 unless it is complete.</summary>
    public int ConsumedBytes { get; init; }

    /// <summary>Arguments, the name included; 0 for a command to be skipped.</summary>
    public int ArgumentCount { get; init; }

    /// <summary>The arguments lie in the scratch span, unescaped, not in the input.</summary>
    public bool IsInline { get; init; }

    /// <summary>With <see cref="RespParseStatus.ExpectedDollar"/>: the byte found instead.</summary>
    public byte Offender { get; init; }
}

/// <summary>
/// Finds commands in what a client sent (RESP specification, "Sending commands to a Redis server", and inline commands).
/// <code>
/// *2 CR LF  $3 CR LF GET CR LF  $1 CR LF k CR LF        array of bulk strings
/// GET k LF                                              inline, quotes as in networking.c and sds.c
/// </code>
/// Pure: no state but the caller's progress, no allocation, partial input consumes nothing.
/// </summary>
internal static class RespParser
{
    private const byte CarriageReturn = (byte)'\r', LineFeed = (byte)'\n';

    /// <param name="input">Everything received from the start of the command.</param>
    /// <param name="limits">Bounds; what is above them is an error before it is received.</param>
    /// <param name="progress">Default for a new command; after <see cref="RespParseStatus.Incomplete"/> to be passed again with more input. Reset when complete.</param>
    /// <param name="arguments">Receives the ranges; at least <see cref="RespParserLimits.MaxArguments"/> long.</param>
    /// <param name="scratch">Receives the unescaped arguments of an inline command; at least <see cref="RespParserLimits.MaxInlineBytes"/> long.</param>
    /// <param name="frame">What was found.</param>
    public static RespParseStatus TryParse(
        ReadOnlySpan<byte> input, in RespParserLimits limits, ref RespProgress progress, Span<RespArgument> arguments, Span<byte> scratch, out RespFrame frame)
    {
        frame = default;
        if (input.Length < progress.NeededBytes || input.IsEmpty) return RespParseStatus.Incomplete;
        if (input[0] != (byte)'*') return ParseInline(input, limits, ref progress, arguments, scratch, out frame);
        bool resumed = progress.CheckedBytes != 0;
        RespParseStatus status = ParseArray(input, limits, ref progress, resumed ? default : arguments, out frame);
        if (status != RespParseStatus.Complete || !resumed) return status;
        return ParseArray(input, limits, ref progress, arguments, out frame); // all of it is here now: the second pass notes the ranges
    }

    private static RespParseStatus ParseArray(
        ReadOnlySpan<byte> input, in RespParserLimits limits, ref RespProgress progress, Span<RespArgument> arguments, out RespFrame frame)
    {
        frame = default;
        int position = progress.CheckedBytes;
        int remaining = progress.RemainingArguments;
        RespParseStatus status;
        if (position == 0)
        {
            status = ReadNumberLine(input, ref position, RespParseStatus.CountLineTooLong, RespParseStatus.InvalidMultibulkLength, out long count);
            if (status != RespParseStatus.Complete) return NotYet(status, ref progress, 0, 0, 0);
            if (count > limits.MaxArguments)
                return limits.Unauthenticated ? RespParseStatus.UnauthenticatedMultibulkLength : RespParseStatus.InvalidMultibulkLength;
            remaining = (int)Math.Max(count, 0);
        }
        int index = 0;
        while (remaining > 0)
        {
            int start = position;
            if (position >= input.Length) return NotYet(RespParseStatus.Incomplete, ref progress, start, remaining, position + 1);
            if (input[position] != (byte)'$')
            {
                frame = new RespFrame { Offender = input[position] };
                return RespParseStatus.ExpectedDollar;
            }
            status = ReadNumberLine(input, ref position, RespParseStatus.LengthLineTooLong, RespParseStatus.InvalidBulkLength, out long length);
            if (status != RespParseStatus.Complete) return NotYet(status, ref progress, start, remaining, 0);
            if (length < 0) return RespParseStatus.InvalidBulkLength;
            if (length > limits.MaxArgumentBytes)
                return limits.Unauthenticated ? RespParseStatus.UnauthenticatedBulkLength : RespParseStatus.InvalidBulkLength;
            long end = position + length;
            if (end + 2 > limits.MaxCommandBytes) return RespParseStatus.CommandTooLarge;
            if (end + 2 > input.Length) return NotYet(RespParseStatus.Incomplete, ref progress, start, remaining, (int)end + 2);
            if (input[(int)end] != CarriageReturn || input[(int)end + 1] != LineFeed) return RespParseStatus.MissingTerminator;
            if (index < arguments.Length) arguments[index] = new RespArgument(position, (int)length);
            index++;
            position = (int)end + 2;
            remaining--;
        }
        progress = default;
        frame = new RespFrame { ConsumedBytes = position, ArgumentCount = index };
        return RespParseStatus.Complete;
    }

    private static RespParseStatus NotYet(RespParseStatus status, ref RespProgress progress, int checkedBytes, int remaining, int needed)
    {
        if (status == RespParseStatus.Incomplete)
            progress = new RespProgress { CheckedBytes = checkedBytes, RemainingArguments = remaining, NeededBytes = needed };
        return status;
    }

    // Reads the type byte, a decimal number and CR LF. The number is as strict as string2ll of util.c: no plus, no leading zero, no blank.
    private static RespParseStatus ReadNumberLine(
        ReadOnlySpan<byte> input, ref int position, RespParseStatus tooLong, RespParseStatus malformed, out long number)
    {
        int digits = position + 1, i = digits;
        number = 0;
        // Numbers of up to nine digits, nearly all there are, need no second look.
        while (i < input.Length && (uint)(input[i] - '0') <= 9 && i - digits < 9)
        {
            number = number * 10 + (input[i] - '0');
            i++;
        }
        if (i > digits && i + 1 < input.Length && input[i] == CarriageReturn && input[i + 1] == LineFeed && (input[digits] != (byte)'0' || i == digits + 1))
        {
            position = i + 2;
            return RespParseStatus.Complete;
        }
        ReadOnlySpan<byte> line = input[digits..];
        if (line.Length > RespParserLimits.MaxNumberLineBytes) line = line[..RespParserLimits.MaxNumberLineBytes];
        int end = line.IndexOf(CarriageReturn);
        if (end < 0) return line.Length == RespParserLimits.MaxNumberLineBytes ? tooLong : RespParseStatus.Incomplete;
        if (digits + end + 1 >= input.Length) return RespParseStatus.Incomplete;
        if (input[digits + end + 1] != LineFeed || !RespNumber.TryParse(line[..end], out number)) return malformed;
        position = digits + end + 2;
        return RespParseStatus.Complete;
    }

    private static RespParseStatus ParseInline(
        ReadOnlySpan<byte> input, in RespParserLimits limits, ref RespProgress progress, Span<RespArgument> arguments, Span<byte> scratch, out RespFrame frame)
    {
        frame = default;
        int end = input[progress.CheckedBytes..].IndexOf(LineFeed);
        int length = end < 0 ? input.Length : progress.CheckedBytes + end;
        if (length > limits.MaxInlineBytes) return RespParseStatus.InlineTooLong;
        if (end < 0)
        {
            progress = new RespProgress { CheckedBytes = length, NeededBytes = length + 1 };
            return RespParseStatus.Incomplete;
        }
        progress = default;
        ReadOnlySpan<byte> line = input[..length];
        if (!line.IsEmpty && line[^1] == CarriageReturn) line = line[..^1];
        RespParseStatus status = InlineSplitter.TrySplit(line, arguments[..Math.Min(arguments.Length, limits.MaxArguments)], scratch, out int count);
        if (status == RespParseStatus.Complete) frame = new RespFrame { ConsumedBytes = length + 1, ArgumentCount = count, IsInline = true };
        return status;
    }
}
