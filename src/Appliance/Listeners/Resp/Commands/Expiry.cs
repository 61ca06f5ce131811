using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>How a command gives a time.</summary>
internal enum ExpiryUnit : byte
{
    None,
    Seconds,
    Milliseconds,
    SecondsSinceEpoch,
    MillisecondsSinceEpoch,
}

/// <summary>Times of expiry as commands give them (getExpireMillisecondsOrReply and expireGenericCommand of Redis). The store keeps nothing later than 2109.</summary>
internal static class Expiry
{
    /// <summary>Parses a time that must be positive, into milliseconds since the epoch; writes the error if it is wrong.</summary>
    public static bool TryParse(RespExecutor x, ReadOnlySpan<byte> text, ExpiryUnit unit, string command, out long milliseconds) =>
        TryParse(x, text, unit, command, mayBePast: false, out milliseconds);

    /// <summary>Parses a time that may lie in the past.</summary>
    public static bool TryParseAny(RespExecutor x, ReadOnlySpan<byte> text, ExpiryUnit unit, string command, out long milliseconds) =>
        TryParse(x, text, unit, command, mayBePast: true, out milliseconds);

    private static bool TryParse(RespExecutor x, ReadOnlySpan<byte> text, ExpiryUnit unit, string command, bool mayBePast, out long milliseconds)
    {
        if (!RespNumber.TryParse(text, out milliseconds))
        {
            x.Error(RespErrors.NotAnInteger);
            return false;
        }
        long scale = unit is ExpiryUnit.Seconds or ExpiryUnit.SecondsSinceEpoch ? 1000 : 1;
        long origin = unit is ExpiryUnit.Seconds or ExpiryUnit.Milliseconds ? x.Store.NowMilliseconds : 0;
        bool fits = milliseconds <= (long.MaxValue - origin) / scale && milliseconds >= long.MinValue / scale;
        if (!fits || !mayBePast && milliseconds <= 0)
        {
            x.Error($"ERR invalid expire time in '{command}' command");
            return false;
        }
        milliseconds = milliseconds * scale + origin;
        return true;
    }
}
