using System.Globalization;

namespace Appliance.Interop;

/// <summary>Effective capabilities of this process (capabilities(7)), from /proc/self/status.</summary>
internal static class Capabilities
{
    internal const int NetBindService = 10, NetAdmin = 12, NetRaw = 13, IpcLock = 14, SysAdmin = 21, SysNice = 23, Bpf = 39;

    /// <summary>The capability is effective.</summary>
    internal static bool Has(int capability) => (Effective() >> capability & 1) != 0;

    /// <summary>Names of what the guard needs and this process lacks; null when nothing is missing. CAP_SYS_ADMIN includes CAP_BPF (kernel/bpf/syscall.c, bpf_capable).</summary>
    internal static string? MissingForGuard()
    {
        bool bpf = Has(Bpf) || Has(SysAdmin), admin = Has(NetAdmin);
        return (bpf, admin) switch
        {
            (true, true) => null,
            (true, false) => "CAP_NET_ADMIN",
            (false, true) => "CAP_BPF",
            (false, false) => "CAP_BPF and CAP_NET_ADMIN",
        };
    }

    private static ulong Effective()
    {
        foreach (string line in File.ReadLines("/proc/thread-self/status"))
            if (line.StartsWith("CapEff:", StringComparison.Ordinal)) return ulong.Parse(line.AsSpan("CapEff:".Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return 0;
    }
}
