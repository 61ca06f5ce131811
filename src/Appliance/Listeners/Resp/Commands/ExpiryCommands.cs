using System.Text;
using Appliance.Listeners.Resp.Protocol;
using Appliance.State;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>Commands on the time at which a key expires (expire.c of Redis).</summary>
internal static class ExpiryCommands
{
    private const CommandFlags Writes = CommandFlags.Write | CommandFlags.Fast;
    private const CommandFlags Reads = CommandFlags.ReadOnly | CommandFlags.Fast;

    public static readonly RespCommand[] All =
    [
        new("expire", -3, Writes, "generic", "1.0.0", "Set a key's time to live in seconds", (x, a) => Expire(x, a, ExpiryUnit.Seconds, "expire")) { Keys = KeyPositions.One },
        new("pexpire", -3, Writes, "generic", "2.6.0", "Set a key's time to live in milliseconds", (x, a) => Expire(x, a, ExpiryUnit.Milliseconds, "pexpire")) { Keys = KeyPositions.One },
        new("expireat", -3, Writes, "generic", "1.2.0", "Set the expiration for a key as a UNIX timestamp", (x, a) => Expire(x, a, ExpiryUnit.SecondsSinceEpoch, "expireat")) { Keys = KeyPositions.One },
        new("pexpireat", -3, Writes, "generic", "2.6.0", "Set the expiration for a key as a UNIX timestamp specified in milliseconds", (x, a) => Expire(x, a, ExpiryUnit.MillisecondsSinceEpoch, "pexpireat")) { Keys = KeyPositions.One },
        new("persist", 2, Writes, "generic", "2.2.0", "Remove the expiration from a key", Persist) { Keys = KeyPositions.One },
        new("ttl", 2, Reads, "generic", "1.0.0", "Get the time to live for a key in seconds", (x, a) => Remaining(x, a, 1000)) { Keys = KeyPositions.One },
        new("pttl", 2, Reads, "generic", "2.6.0", "Get the time to live for a key in milliseconds", (x, a) => Remaining(x, a, 1)) { Keys = KeyPositions.One },
        new("expiretime", 2, Reads, "generic", "7.0.0", "Get the expiration Unix timestamp for a key", (x, a) => Absolute(x, a, 1000)) { Keys = KeyPositions.One },
        new("pexpiretime", 2, Reads, "generic", "7.0.0", "Get the expiration Unix timestamp for a key in milliseconds", (x, a) => Absolute(x, a, 1)) { Keys = KeyPositions.One },
    ];

    [Flags]
    private enum Condition : byte
    {
        None = 0,
        IfNone = 1,
        IfSome = 2,
        IfLater = 4,
        IfEarlier = 8,
    }

    private static void Expire(RespExecutor x, RespArguments arguments, ExpiryUnit unit, string name)
    {
        if (!TryParseCondition(x, arguments, out Condition condition)) return;
        if (!Expiry.TryParseAny(x, arguments[2], unit, name, out long when)) return;
        ReadOnlySpan<byte> key = arguments[1];
        if (!x.Store.TryRead(key, out StoredValue value) || !Holds(condition, value.ExpiryMilliseconds, when))
        {
            x.Output.Integer(0);
            return;
        }
        if (when <= x.Store.NowMilliseconds) x.Store.Delete(key);
        else x.Store.SetExpiry(key, when);
        x.Output.Integer(1);
    }

    // A key without expiry counts as one that expires last of all.
    private static bool Holds(Condition condition, long current, long when)
    {
        if ((condition & Condition.IfNone) != 0 && current != 0) return false;
        if ((condition & Condition.IfSome) != 0 && current == 0) return false;
        if ((condition & Condition.IfLater) != 0 && (current == 0 || when <= current)) return false;
        return (condition & Condition.IfEarlier) == 0 || current == 0 || when < current;
    }

    private static bool TryParseCondition(RespExecutor x, RespArguments arguments, out Condition condition)
    {
        condition = Condition.None;
        for (int i = 3; i < arguments.Count; i++)
        {
            ReadOnlySpan<byte> word = arguments[i];
            if (Ascii.EqualsIgnoreCase(word, "NX"u8)) condition |= Condition.IfNone;
            else if (Ascii.EqualsIgnoreCase(word, "XX"u8)) condition |= Condition.IfSome;
            else if (Ascii.EqualsIgnoreCase(word, "GT"u8)) condition |= Condition.IfLater;
            else if (Ascii.EqualsIgnoreCase(word, "LT"u8)) condition |= Condition.IfEarlier;
            else
            {
                x.Error($"ERR Unsupported option {UnknownText.Echo(word, word.Length)}");
                return false;
            }
        }
        if ((condition & Condition.IfNone) != 0 && condition != Condition.IfNone)
        {
            x.Error(RespErrors.ExpireOptionsNx);
            return false;
        }
        if ((condition & (Condition.IfLater | Condition.IfEarlier)) == (Condition.IfLater | Condition.IfEarlier))
        {
            x.Error(RespErrors.ExpireOptionsGtLt);
            return false;
        }
        return true;
    }

    private static void Persist(RespExecutor x, RespArguments arguments)
    {
        bool hadExpiry = x.Store.TryRead(arguments[1], out StoredValue value) && value.ExpiryMilliseconds != 0;
        if (hadExpiry) x.Store.SetExpiry(arguments[1], 0);
        x.Output.Integer(hadExpiry ? 1 : 0);
    }

    private static void Remaining(RespExecutor x, RespArguments arguments, long unit)
    {
        if (!x.TryReadCounted(arguments[1], out StoredValue value)) x.Output.Integer(-2);
        else if (value.ExpiryMilliseconds == 0) x.Output.Integer(-1);
        else x.Output.Integer((Math.Max(0, value.ExpiryMilliseconds - x.Store.NowMilliseconds) + unit / 2) / unit);
    }

    private static void Absolute(RespExecutor x, RespArguments arguments, long unit)
    {
        if (!x.TryReadCounted(arguments[1], out StoredValue value)) x.Output.Integer(-2);
        else if (value.ExpiryMilliseconds == 0) x.Output.Integer(-1);
        else x.Output.Integer((value.ExpiryMilliseconds + unit / 2) / unit);
    }
}
