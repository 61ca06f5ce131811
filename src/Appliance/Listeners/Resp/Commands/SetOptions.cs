using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>Options of SET and GETEX (parseExtendedStringArgumentsOrReply of Redis, t_string.c).</summary>
internal ref struct SetOptions
{
    private ExpiryUnit _unit;
    private ReadOnlySpan<byte> _time;

    public bool IfAbsent { get; private set; }

    public bool IfPresent { get; private set; }

    public bool ReturnsOld { get; private set; }

    public bool KeepsExpiry { get; private set; }

    public bool Persists { get; private set; }

    /// <summary>Parses from an index on; writes the error and answers false if they are wrong.</summary>
    public static bool TryParse(RespExecutor x, RespArguments arguments, int index, bool isSet, out SetOptions options)
    {
        options = default;
        for (; index < arguments.Count; index++)
        {
            if (options.TryTakeFlag(arguments[index], isSet)) continue;
            ExpiryUnit unit = UnitOf(arguments[index]);
            bool accepted = unit != ExpiryUnit.None && index + 1 < arguments.Count && !options.KeepsExpiry && !options.Persists
                && (options._unit == ExpiryUnit.None || options._unit == unit);
            if (!accepted)
            {
                x.Error(RespErrors.Syntax);
                return false;
            }
            options._unit = unit;
            options._time = arguments[++index];
        }
        return true;
    }

    /// <summary>The time given, in milliseconds since the epoch, 0 for none; writes the error and answers false if it is wrong.</summary>
    public readonly bool TryGetExpiry(RespExecutor x, string command, out long milliseconds)
    {
        milliseconds = 0;
        return _unit == ExpiryUnit.None || Expiry.TryParse(x, _time, _unit, command, out milliseconds);
    }

    private bool TryTakeFlag(ReadOnlySpan<byte> text, bool isSet)
    {
        if (isSet && Is(text, "NX"u8) && !IfPresent) return IfAbsent = true;
        if (isSet && Is(text, "XX"u8) && !IfAbsent) return IfPresent = true;
        if (isSet && Is(text, "GET"u8)) return ReturnsOld = true;
        if (isSet && Is(text, "KEEPTTL"u8) && _unit == ExpiryUnit.None) return KeepsExpiry = true;
        if (!isSet && Is(text, "PERSIST"u8) && _unit == ExpiryUnit.None) return Persists = true;
        return false;
    }

    private static ExpiryUnit UnitOf(ReadOnlySpan<byte> text)
    {
        if (Is(text, "EX"u8)) return ExpiryUnit.Seconds;
        if (Is(text, "PX"u8)) return ExpiryUnit.Milliseconds;
        if (Is(text, "EXAT"u8)) return ExpiryUnit.SecondsSinceEpoch;
        return Is(text, "PXAT"u8) ? ExpiryUnit.MillisecondsSinceEpoch : ExpiryUnit.None;
    }

    private static bool Is(ReadOnlySpan<byte> text, ReadOnlySpan<byte> word) => Ascii.EqualsIgnoreCase(text, word);
}
