using System.Collections;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Appliance.Configuration;

/// <summary>Reads the text of a setting as the type of its property, and writes it back.</summary>
internal static class SettingReader
{
    private static readonly char[] ListSeparators = [' ', '\t', ','];

    private delegate bool Reader<T>(string text, out T value);

    /// <summary>Reads a value.</summary>
    /// <returns>What would be right; null when the value was read.</returns>
    internal static string? TryRead(Type type, string text, out object? value)
    {
        if (type == typeof(string)) return Accept(text, out value);
        if (type == typeof(TimeSpan)) return Read<TimeSpan>(text, Duration.TryParse, "a time with its unit (us, ms, s, min, h, d), for example 20ms", out value);
        if (type == typeof(ByteSize)) return Read<ByteSize>(text, ByteSize.TryParse, "a size with its unit (B, KiB, MiB, GiB), for example 64MiB", out value);
        if (type == typeof(int)) return Read<int>(text, TryReadInteger, "a whole number", out value);
        if (type == typeof(bool)) return Read<bool>(text, TryReadBoolean, "yes or no", out value);
        if (type == typeof(IPAddress)) return Read<IPAddress>(text, TryReadAddress, "an IP address", out value);
        if (type == typeof(IPEndPoint)) return Read<IPEndPoint>(text, TryReadEndPoint, "address:port", out value);
        if (type == typeof(MemberAddress)) return Read<MemberAddress>(text, TryReadMember, "NAME=ADDRESS, for example a=10.77.0.1", out value);
        if (type == typeof(AcknowledgementRule)) return Read<AcknowledgementRule>(text, AcknowledgementRule.TryParse, "0, a number of members, or majority", out value);
        if (type == typeof(IPNetwork)) return Read<IPNetwork>(text, TryReadNetwork, "a network or an address, for example 10.1.0.0/16", out value);
        if (type == typeof(BackendServer)) return Read<BackendServer>(text, BackendServer.TryParse, $"address:port, with a weight from 1 to {BackendServer.MaxWeight} as address:port*3", out value);
        if (type == typeof(HealthCheckRule)) return Read<HealthCheckRule>(text, HealthCheckRule.TryParse, "a check: none, tcp, http /path, or command /program argument ...", out value);
        if (type == typeof(CommandLine)) return Read<CommandLine>(text, CommandLine.TryParse, "the absolute path of a program with its arguments", out value);
        if (type.IsEnum) return ReadEnum(type, text, out value);
        if (ElementOf(type) is { } element) return ReadList(element, text, out value);
        throw new NotSupportedException($"settings of type {type} cannot be read");
    }

    /// <summary>The text that reads as the value.</summary>
    internal static string Format(object? value) => value switch
    {
        null => "",
        string text => text,
        TimeSpan span => Duration.Format(span),
        bool yes => yes ? "yes" : "no",
        Enum named => Words(named.ToString()),
        IEnumerable list => string.Join(' ', list.Cast<object>().Select(Format)),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    /// <summary><c>DeadAfter</c> as the file spells it: <c>dead-after</c>.</summary>
    internal static string Words(string identifier)
    {
        var words = new StringBuilder(identifier.Length + 4);
        foreach (char c in identifier)
        {
            if (char.IsAsciiLetterUpper(c) && words.Length > 0) words.Append('-');
            words.Append(char.ToLowerInvariant(c));
        }
        return words.ToString();
    }

    private static string? Read<T>(string text, Reader<T> reader, string expected, out object? value)
    {
        bool read = reader(text, out T typed);
        value = read ? typed : null;
        return read ? null : $"'{text}' is not {expected}";
    }

    private static string? Accept(string text, out object? value)
    {
        value = text;
        return null;
    }

    private static string? ReadEnum(Type type, string text, out object? value)
    {
        value = Enum.GetValues(type).Cast<object>().FirstOrDefault(candidate => Words(candidate.ToString()!).Equals(text, StringComparison.OrdinalIgnoreCase));
        if (value is not null) return null;
        string[] words = [.. Enum.GetNames(type).Select(Words)];
        return $"'{text}' is none of {string.Join(", ", words)}{Suggestion.For(text, words)}";
    }

    private static string? ReadList(Type element, string text, out object? value)
    {
        string[] parts = text.Split(ListSeparators, StringSplitOptions.RemoveEmptyEntries);
        Array items = Array.CreateInstance(element, parts.Length);
        value = items;
        for (int i = 0; i < parts.Length; i++)
        {
            string? expected = TryRead(element, parts[i], out object? item);
            if (expected is not null) return expected;
            items.SetValue(item, i);
        }
        return null;
    }

    private static Type? ElementOf(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? type.GetGenericArguments()[0] : null;

    private static bool TryReadInteger(string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static bool TryReadBoolean(string text, out bool value)
    {
        value = text is "yes" or "on" or "true";
        return value || text is "no" or "off" or "false";
    }

    // IPAddress.TryParse takes '10' and '0x7f.1' as well; an address is written in full here.
    private static bool TryReadAddress(string text, out IPAddress value)
    {
        bool read = IPAddress.TryParse(text, out IPAddress? address) && (text.Contains(':') || text.Count(static c => c == '.') == 3) && !text.Contains('x');
        value = address ?? IPAddress.None;
        return read;
    }

    private static bool TryReadNetwork(string text, out IPNetwork value)
    {
        value = default;
        int slash = text.IndexOf('/');
        if (!TryReadAddress(slash < 0 ? text : text[..slash], out IPAddress address)) return false;
        return IPNetwork.TryParse(slash < 0 ? $"{text}/{(address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128)}" : text, out value);
    }

    internal static bool TryReadEndPoint(string text, out IPEndPoint value)
    {
        value = new IPEndPoint(IPAddress.None, 0);
        int colon = text.LastIndexOf(':');
        if (colon <= 0 || !TryReadAddress(text[..colon].Trim('[', ']'), out IPAddress address)) return false;
        if (address.ToString().Contains(':') != text.StartsWith('[')) return false;
        if (!ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0) return false;
        value = new IPEndPoint(address, port);
        return true;
    }

    private static bool TryReadMember(string text, out MemberAddress value)
    {
        int equals = text.IndexOf('=');
        bool read = TryReadAddress(text[(equals + 1)..], out IPAddress address) && equals > 0;
        value = new MemberAddress(read ? text[..equals] : "", address);
        return read;
    }
}
