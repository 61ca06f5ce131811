using Appliance.Listeners.Resp.Protocol;
using Appliance.State;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>Commands that count (incrDecrCommand of Redis, t_string.c).</summary>
internal static class CounterCommands
{
    private const CommandFlags Flags = CommandFlags.Write | CommandFlags.DenyOutOfMemory | CommandFlags.Fast;

    public static readonly RespCommand[] All =
    [
        new("incr", 2, Flags, "string", "1.0.0", "Increment the integer value of a key by one", (x, a) => Add(x, a[1], 1)) { Keys = KeyPositions.One },
        new("decr", 2, Flags, "string", "1.0.0", "Decrement the integer value of a key by one", (x, a) => Add(x, a[1], -1)) { Keys = KeyPositions.One },
        new("incrby", 3, Flags, "string", "1.0.0", "Increment the integer value of a key by the given amount", Increment) { Keys = KeyPositions.One },
        new("decrby", 3, Flags, "string", "1.0.0", "Decrement the integer value of a key by the given number", Decrement) { Keys = KeyPositions.One },
    ];

    private static void Increment(RespExecutor x, RespArguments arguments)
    {
        if (RespNumber.TryParse(arguments[2], out long amount)) Add(x, arguments[1], amount);
        else x.Error(RespErrors.NotAnInteger);
    }

    private static void Decrement(RespExecutor x, RespArguments arguments)
    {
        if (!RespNumber.TryParse(arguments[2], out long amount)) x.Error(RespErrors.NotAnInteger);
        else if (amount == long.MinValue) x.Error(RespErrors.DecrementWouldOverflow);
        else Add(x, arguments[1], -amount);
    }

    private static void Add(RespExecutor x, ReadOnlySpan<byte> key, long amount)
    {
        long number = 0, expiry = 0;
        if (x.Store.TryRead(key, out StoredValue value))
        {
            if (!value.IsPlain)
            {
                x.Error(RespErrors.WrongType);
                return;
            }
            if (!RespNumber.TryParse(value.Bytes, out number))
            {
                x.Error(RespErrors.NotAnInteger);
                return;
            }
            expiry = value.ExpiryMilliseconds;
        }
        if (!TryAdd(number, amount, out long sum))
        {
            x.Error(RespErrors.WouldOverflow);
            return;
        }
        Span<byte> text = stackalloc byte[RespNumber.MaxBytes];
        x.Store.Set(key, text[..RespNumber.Format(sum, text)], expiry);
        x.Output.Integer(sum);
    }

    /// <summary>Adds; false on overflow.</summary>
    internal static bool TryAdd(long number, long amount, out long sum)
    {
        sum = unchecked(number + amount);
        return amount >= 0 ? sum >= number : sum < number;
    }
}
