namespace Appliance.Listeners.Resp.Protocol;

/// <summary>Splits an inline command into arguments, with the quotes and escapes of sdssplitargs (Redis, sds.c).</summary>
internal static class InlineSplitter
{
    public static RespParseStatus TrySplit(ReadOnlySpan<byte> line, Span<RespArgument> arguments, Span<byte> scratch, out int count)
    {
        count = 0;
        int position = 0, written = 0;
        while (true)
        {
            while (position < line.Length && IsBlank(line[position])) position++;
            if (position == line.Length || line[position] == 0) return RespParseStatus.Complete;
            if (count == arguments.Length) return RespParseStatus.InvalidMultibulkLength;
            int start = written;
            if (!TryTake(line, ref position, scratch, ref written)) return RespParseStatus.UnbalancedQuotes;
            arguments[count++] = new RespArgument(start, written - start);
        }
    }

    // One argument; a quoted part may stand anywhere in it and must be followed by a blank.
    private static bool TryTake(ReadOnlySpan<byte> line, ref int position, Span<byte> scratch, ref int written)
    {
        while (position < line.Length && line[position] != 0 && !IsBlank(line[position]))
        {
            byte next = line[position++];
            if (next is not ((byte)'"' or (byte)'\''))
            {
                scratch[written++] = next;
                continue;
            }
            bool closed = next == (byte)'"' ? TryTakeDouble(line, ref position, scratch, ref written) : TryTakeSingle(line, ref position, scratch, ref written);
            return closed && (position == line.Length || line[position] == 0 || IsBlank(line[position]));
        }
        return true;
    }

    private static bool TryTakeDouble(ReadOnlySpan<byte> line, ref int position, Span<byte> scratch, ref int written)
    {
        while (position < line.Length)
        {
            byte next = line[position++];
            if (next == (byte)'"') return true;
            if (next == (byte)'\\' && position < line.Length)
            {
                byte escaped = line[position++];
                if (escaped == (byte)'x' && position + 1 < line.Length && char.IsAsciiHexDigit((char)line[position]) && char.IsAsciiHexDigit((char)line[position + 1]))
                {
                    next = (byte)(HexValue(line[position]) << 4 | HexValue(line[position + 1]));
                    position += 2;
                }
                else
                {
                    next = escaped switch
                    {
                        (byte)'n' => (byte)'\n',
                        (byte)'r' => (byte)'\r',
                        (byte)'t' => (byte)'\t',
                        (byte)'b' => (byte)'\b',
                        (byte)'a' => (byte)'\a',
                        _ => escaped,
                    };
                }
            }
            scratch[written++] = next;
        }
        return false;
    }

    private static bool TryTakeSingle(ReadOnlySpan<byte> line, ref int position, Span<byte> scratch, ref int written)
    {
        while (position < line.Length)
        {
            byte next = line[position++];
            if (next == (byte)'\'') return true;
            if (next == (byte)'\\' && position < line.Length && line[position] == (byte)'\'')
            {
                next = (byte)'\'';
                position++;
            }
            scratch[written++] = next;
        }
        return false;
    }

    private static int HexValue(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;

    private static bool IsBlank(byte value) => value is (byte)' ' or (>= (byte)'\t' and <= (byte)'\r');
}
