using System.Globalization;

namespace Appliance.Configuration;

/// <summary>Spans of time as they are written in the configuration: <c>50us</c>, <c>20ms</c>, <c>10s</c>, <c>5min</c>, <c>2h</c>, <c>1d</c>.</summary>
internal static class Duration
{
    private static readonly (string Suffix, long Ticks)[] Units =
    [
        ("us", TimeSpan.TicksPerMicrosecond), ("ms", TimeSpan.TicksPerMillisecond), ("min", TimeSpan.TicksPerMinute),
        ("s", TimeSpan.TicksPerSecond), ("h", TimeSpan.TicksPerHour), ("d", TimeSpan.TicksPerDay),
    ];

    /// <summary>Reads a number, with decimals if wanted, and its unit; a bare 0 needs none.</summary>
    internal static bool TryParse(string text, out TimeSpan span)
    {
        span = default;
        if (text == "0") return true;
        foreach ((string suffix, long ticks) in Units) // "us" and "ms" stand before "s", which ends them too
        {
            if (!text.EndsWith(suffix, StringComparison.OrdinalIgnoreCase)) continue;
            string digits = text[..^suffix.Length].TrimEnd();
            if (!decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal count)) return false;
            if (count > TimeSpan.MaxValue.Ticks / ticks) return false;
            span = new TimeSpan((long)(count * ticks));
            return true;
        }
        return false;
    }

    /// <summary>The span in the largest unit that divides it.</summary>
    internal static string Format(TimeSpan span)
    {
        if (span == TimeSpan.Zero) return "0";
        foreach ((string suffix, long ticks) in Units.OrderByDescending(static unit => unit.Ticks))
        {
            if (span.Ticks % ticks == 0) return string.Create(CultureInfo.InvariantCulture, $"{span.Ticks / ticks}{suffix}");
        }
        return string.Create(CultureInfo.InvariantCulture, $"{span.TotalMicroseconds}us");
    }
}
