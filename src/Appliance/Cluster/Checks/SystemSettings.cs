using System.Globalization;

namespace Appliance.Cluster.Checks;

/// <summary>Reads numbers below /proc/sys; those of the network are the calling thread's network namespace's.</summary>
internal sealed class SystemSettings
{
    private readonly string _root;

    /// <param name="root">/proc/sys, or a copy for tests.</param>
    internal SystemSettings(string root) => _root = root;

    /// <summary>The value of a setting named with slashes ("net/ipv4/ip_nonlocal_bind"); null where the kernel has none or it is not to be read.</summary>
    internal long? Read(string setting)
    {
        try
        {
            return long.TryParse(File.ReadAllText(Path.Combine(_root, setting)), NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out long value) ? value : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>As sysctl(8) writes it: dots, unless an interface's name has one itself.</summary>
    internal static string NameOf(string setting) => setting.Contains('.', StringComparison.Ordinal) ? setting : setting.Replace('/', '.');

    /// <summary>The command that sets it.</summary>
    internal static string Command(string setting, long value) => string.Create(CultureInfo.InvariantCulture, $"sysctl -w {NameOf(setting)}={value}");
}
