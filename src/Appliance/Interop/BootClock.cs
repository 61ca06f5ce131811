using System.Globalization;

namespace Appliance.Interop;

/// <summary>Whether CLOCK_BOOTTIME of this process is the kernel's own (time_namespaces(7)).</summary>
internal static class BootClock
{
    private const string Offsets = "/proc/self/timens_offsets";

    /// <summary>How far a time namespace shifts the boot clock; null when it does not, or the kernel has no time namespaces.</summary>
    internal static string? Offset()
    {
        if (!File.Exists(Offsets)) return null;
        foreach (string line in File.ReadLines(Offsets))
        {
            string[] columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length == 3 && columns[0] is "boottime" or "7" && (columns[1] != "0" || columns[2] != "0"))
                return string.Create(CultureInfo.InvariantCulture, $"{columns[1]} s {columns[2]} ns");
        }
        return null;
    }
}
