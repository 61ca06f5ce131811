using System.Globalization;

namespace Appliance.Perf.Macro.Redis;

/// <summary>Processor time that processes used, from /proc/PID/stat (proc(5), fields 14 and 15, in ticks of 10 ms).</summary>
internal static class CpuTime
{
    public static double Seconds(IEnumerable<int> pids) => pids.Sum(pid =>
    {
        string stat = File.ReadAllText($"/proc/{pid}/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / 100.0;
    });
}
