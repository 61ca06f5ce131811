using System.Globalization;

namespace Appliance.LiveConnections;

/// <summary>The ports from which a node connects to servers: disjoint among the members, so that a node never meets at a server what another has left there.</summary>
internal static class EphemeralPorts
{
    private const string Setting = "/proc/sys/net/ipv4/ip_local_port_range";

    /// <summary>Those of this host; the kernel's own when it does not say.</summary>
    internal static (int First, int Last) OfHost()
    {
        string[] words = File.Exists(Setting) ? File.ReadAllText(Setting).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) : [];
        return words.Length == 2 && int.TryParse(words[0], CultureInfo.InvariantCulture, out int first) && int.TryParse(words[1], CultureInfo.InvariantCulture, out int last) && first <= last ? (first, last) : (32768, 60999);
    }

    /// <summary>A member's share of them.</summary>
    /// <param name="all">The host's.</param>
    /// <param name="member">Its place among the members, from 0.</param>
    /// <param name="members">How many there are; at least 1.</param>
    internal static (int First, int Last) Share((int First, int Last) all, int member, int members)
    {
        int share = Math.Max((all.Last - all.First + 1) / members, 1);
        int first = Math.Min(all.First + member * share, all.Last);
        return (first, Math.Min(first + share - 1, all.Last));
    }
}
