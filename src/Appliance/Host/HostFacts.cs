using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;

namespace Appliance.Host;

/// <summary>What this host's kernel says about itself, read from /proc and /sys.</summary>
internal static class HostFacts
{
    /// <summary>Name of the network card that a floating address belongs to: the one whose network contains it, the smallest network if there are several; null when there is none.</summary>
    internal static string? InterfaceFor(IPAddress address)
    {
        var owners = from card in NetworkInterface.GetAllNetworkInterfaces()
                     from owned in card.GetIPProperties().UnicastAddresses
                     where owned.Address.AddressFamily == address.AddressFamily && new IPNetwork(Masked(owned.Address, owned.PrefixLength), owned.PrefixLength).Contains(address)
                     orderby owned.PrefixLength descending
                     select card.Name;
        return owners.FirstOrDefault();
    }

    /// <summary>Name of the network card that has an address; null when none has.</summary>
    internal static string? InterfaceWith(IPAddress address) => NetworkInterface.GetAllNetworkInterfaces()
        .FirstOrDefault(card => card.GetIPProperties().UnicastAddresses.Any(owned => owned.Address.Equals(address)) || IsLoopback(card, address))?.Name;

    /// <summary>All of 127.0.0.0/8 is the loopback card's, although only one address is written there.</summary>
    private static bool IsLoopback(NetworkInterface card, IPAddress address) => card.NetworkInterfaceType == NetworkInterfaceType.Loopback && IPAddress.IsLoopback(address);

    /// <summary>A kernel setting, for example <c>net.core.rmem_max</c>; null when the kernel has none of that name.</summary>
    internal static string? Sysctl(string name)
    {
        string path = $"/proc/sys/{name.Replace('.', '/')}";
        return File.Exists(path) ? Read(path) : null;
    }

    /// <summary>The soft limit of a resource as /proc/self/limits names it, for example <c>Max open files</c>; <see cref="long.MaxValue"/> when unlimited.</summary>
    internal static long Limit(string resource)
    {
        string line = File.ReadLines("/proc/self/limits").First(line => line.StartsWith(resource, StringComparison.Ordinal));
        string soft = line[resource.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return soft == "unlimited" ? long.MaxValue : long.Parse(soft, CultureInfo.InvariantCulture);
    }

    /// <summary>The clock source that the kernel uses, and those that it could use; null when it does not say.</summary>
    internal static (string Current, string Available)? ClockSource()
    {
        const string directory = "/sys/devices/system/clocksource/clocksource0";
        return Directory.Exists(directory) ? (Read($"{directory}/current_clocksource"), Read($"{directory}/available_clocksource")) : null;
    }

    private static IPAddress Masked(IPAddress address, int prefixLength)
    {
        byte[] bytes = address.GetAddressBytes();
        for (int i = 0; i < bytes.Length; i++) bytes[i] &= (byte)~(0xff >> Math.Clamp(prefixLength - 8 * i, 0, 8));
        return new IPAddress(bytes);
    }

    private static string Read(string path) => File.ReadAllText(path).Trim();
}
