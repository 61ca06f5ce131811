using System.Net;

namespace Appliance.Configuration;

/// <summary>What a health check does.</summary>
public enum HealthCheckKind
{
    /// <summary>Nothing is checked.</summary>
    None,

    /// <summary>A TCP connection is made.</summary>
    Tcp,

    /// <summary>A page is asked for: good when the status is from 200 to 399.</summary>
    Http,

    /// <summary>A program is run: good when it ends with 0.</summary>
    Command,
}

/// <summary>
/// A health check as the configuration writes it: <c>none</c>, <c>tcp</c>, <c>http /path</c> for the servers of a pool; <c>tcp ADDRESS:PORT</c>,
/// <c>http ADDRESS:PORT /path</c> for a service; <c>command /program argument ...</c> for both, without a shell: arguments are separated by spaces.
/// </summary>
public sealed record HealthCheckRule
{
    private const int MaxPath = 1024;

    /// <summary><c>none</c></summary>
    public static readonly HealthCheckRule None = new();

    /// <summary><c>tcp</c></summary>
    public static readonly HealthCheckRule Tcp = new() { Kind = HealthCheckKind.Tcp };

    /// <summary>What is done.</summary>
    public HealthCheckKind Kind { get; private init; }

    /// <summary>Where; null for the checked server's own address.</summary>
    public IPEndPoint? Target { get; private init; }

    /// <summary>The page, with its leading slash.</summary>
    public string Path { get; private init; } = "";

    /// <summary>Program and arguments.</summary>
    public IReadOnlyList<string> Command { get; private init; } = [];

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static bool TryParse(string text, out HealthCheckRule rule)
    {
        ArgumentNullException.ThrowIfNull(text);
        rule = None;
        string[] words = text.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0) return false;
        switch (words[0])
        {
            case "none":
                return words.Length == 1;
            case "tcp" when words.Length <= 2:
                rule = Tcp;
                return words.Length == 1 || TryAddTarget(words[1], ref rule);
            case "http" when words.Length is 2 or 3:
                rule = new HealthCheckRule { Kind = HealthCheckKind.Http, Path = words[^1] };
                return IsPath(words[^1]) && (words.Length == 2 || TryAddTarget(words[1], ref rule));
            case "command" when words.Length >= 2:
                rule = new HealthCheckRule { Kind = HealthCheckKind.Command, Command = words[1..] };
                return words[1].StartsWith('/');
            default:
                return false;
        }
    }

    /// <inheritdoc/>
    public bool Equals(HealthCheckRule? other) => other is not null && ToString() == other.ToString();

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => string.Join(' ', new[] { SettingReader.Format(Kind), Target?.ToString() ?? "", Path, string.Join(' ', Command) }.Where(static word => word.Length > 0));

    /// <summary>What is wrong with the times and counts beside a check.</summary>
    internal static IEnumerable<SettingProblem> ValidateTiming(TimeSpan interval, TimeSpan timeout, int rise, int fall, TimeSpan holdDown)
    {
        if (interval < TimeSpan.FromMilliseconds(50) || interval > TimeSpan.FromHours(1)) yield return new("interval", $"{Duration.Format(interval)} must be from 50ms to 1h");
        if (timeout < TimeSpan.FromMilliseconds(10) || timeout > interval) yield return new("timeout", $"{Duration.Format(timeout)} must be from 10ms to interval ({Duration.Format(interval)}): checks of one target never overlap");
        if (rise is < 1 or > 1000) yield return new("rise", $"{rise} must be from 1 to 1000");
        if (fall is < 1 or > 1000) yield return new("fall", $"{fall} must be from 1 to 1000");
        if (holdDown > TimeSpan.FromHours(24)) yield return new("hold-down", $"{Duration.Format(holdDown)} must be at most 24h");
    }

    private static bool TryAddTarget(string text, ref HealthCheckRule rule)
    {
        if (!SettingReader.TryReadEndPoint(text, out IPEndPoint target)) return false;
        rule = rule with { Target = target };
        return true;
    }

    // Printable ASCII only: what stands in the file goes into the request line as it is (RFC 9112, section 3).
    private static bool IsPath(string text) => text.StartsWith('/') && text.Length <= MaxPath && text.All(static c => c is > ' ' and < '\x7f');
}
