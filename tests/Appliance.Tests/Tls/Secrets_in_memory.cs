using System.Globalization;
using Appliance.Interop;

namespace Appliance.Tests.Tls;

public sealed class Secrets_in_memory
{
    [Fact]
    public unsafe void Are_neither_swapped_nor_dumped()
    {
        using var memory = new SecretMemory(100);

        string flags = FlagsOf((nint)memory.Start);

        Assert.True(memory.IsGuarded);
        Assert.Contains(" dd", flags, StringComparison.Ordinal); // MADV_DONTDUMP (proc_pid_smaps(5))
        Assert.Contains(" lo", flags, StringComparison.Ordinal); // mlock
    }

    private static string FlagsOf(nint address)
    {
        bool isHere = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            string[] range = line.Split(' ')[0].Split('-');
            if (range.Length == 2 && nint.TryParse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out nint start) && nint.TryParse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out nint end)) isHere = address >= start && address < end;
            else if (isHere && line.StartsWith("VmFlags:", StringComparison.Ordinal)) return line;
        }
        return "";
    }
}
