namespace Appliance.Listeners.Resp.Protocol;

/// <summary>Where an argument lies in the bytes of its command.</summary>
internal readonly record struct RespArgument(int Start, int Length);

/// <summary>The arguments of one command, its name first; a view over the receive buffer.</summary>
internal readonly ref struct RespArguments
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly ReadOnlySpan<RespArgument> _arguments;

    public RespArguments(ReadOnlySpan<byte> bytes, ReadOnlySpan<RespArgument> arguments)
    {
        _bytes = bytes;
        _arguments = arguments;
    }

    public int Count => _arguments.Length;

    public ReadOnlySpan<byte> this[int index]
    {
        get
        {
            RespArgument argument = _arguments[index];
            return _bytes.Slice(argument.Start, argument.Length);
        }
    }

    /// <summary>Bytes of all arguments from an index on.</summary>
    public long BytesFrom(int index)
    {
        long bytes = 0;
        for (; index < _arguments.Length; index++) bytes += _arguments[index].Length;
        return bytes;
    }

    /// <summary>Bytes of the largest argument from an index on.</summary>
    public int LargestFrom(int index)
    {
        int largest = 0;
        for (; index < _arguments.Length; index++) largest = Math.Max(largest, _arguments[index].Length);
        return largest;
    }
}
