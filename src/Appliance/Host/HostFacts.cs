using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;

namespace Appliance.Host;

/// <summary>What this host's kernel says about itself, read from /proc and /sys.</summary>
internal static class HostFacts
{
    private const int MulticastFlag = 0x1000, LoopbackFlag = 0x8; // linux/if.h IFF_MULTICAST, IFF_LOOPBACK

    /// <summary>Bit numbers of linux/capability.h.</summary>
    internal const int NetAdmin = 12, NetRaw = 13, IpcLock = 14, SysNice = 23;

    /// <summary>Whether this process has a capability.</summary>
    internal static bool HasCapability(int bit)
    {
        string line = File.ReadLines("/proc/self/status").First(static line => line.StartsWith("CapEff:", StringComparison.Ordinal));
        return ((ulong.Parse(line.AsSpan(7).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> bit) & 1) != 0;
    }

    /// <summary>Name of the network card that has an address; null when none has.</summary>
    internal static string? InterfaceWith(IPAddress address) => NetworkInterface.GetAllNetworkInterfaces()
        .FirstOrDefault(card => card.GetIPProperties().UnicastAddresses.Any(owned => owned.Address.Equals(address)) || IsLoopback(card, address))?.Name;

    /// <summary>All of 127.0.0.0/8 is the loopback card's, although only one address is written there.</summary>
    private static bool IsLoopback(NetworkInterface card, IPAddress address) => card.NetworkInterfaceType == NetworkInterfaceType.Loopback && IPAddress.IsLoopback(address);

    /// <summary>Whether a network card exists.</summary>
    internal static bool InterfaceExists(string name) => Directory.Exists($"/sys/class/net/{name}");

    /// <summary>Whether the card sends and receives multicast. The loopback card does without saying so.</summary>
    internal static bool CarriesMulticast(string name) => (Flags(name) & (MulticastFlag | LoopbackFlag)) != 0;

    /// <summary>Whether there is a link; false for a card that is down or whose cable is out.</summary>
    internal static bool HasCarrier(string name)
    {
        string state = Read($"/sys/class/net/{name}/operstate");
        return state is "up" or "unknown"; // virtual cards and lo do not report
    }

    /// <summary>Largest packet in bytes.</summary>
    internal static int MtuBytes(string name) => int.Parse(Read($"/sys/class/net/{name}/mtu"), CultureInfo.InvariantCulture);

    /// <summary>A kernel setting, for example <c>net.core.rmem_max</c>; null when the kernel has none of that name.</summary>
    internal static string? Sysctl(string name)
    {
        string path = $"/proc/sys/{name.Replace('.', '/')}";
        return File.Exists(path) ? Read(path) : null;
    }

    private static int Flags(string name) => Convert.ToInt32(Read($"/sys/class/net/{name}/flags"), 16);

    private static string Read(string path) => File.ReadAllText(path).Trim();
}
