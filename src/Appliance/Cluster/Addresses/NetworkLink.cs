using System.Net.NetworkInformation;

namespace Appliance.Cluster.Addresses;

/// <summary>A network interface as the kernel knows it at the moment of the look-up.</summary>
/// <param name="Name">Its name, or an alternative name by which it was asked for.</param>
/// <param name="Index">Its number in this network namespace; a recreated interface gets another.</param>
/// <param name="HardwareAddress">Its MAC address; empty where it has none.</param>
/// <param name="MtuBytes">Largest packet.</param>
/// <param name="Kind">ARPHRD_ number (uapi/linux/if_arp.h).</param>
/// <param name="IsUp">Switched on by the administrator.</param>
/// <param name="HasCarrier">Switched on, and the cable is in.</param>
/// <param name="CarriesMulticast">Sends and receives multicast; loopback does without saying so.</param>
internal sealed record NetworkLink(string Name, int Index, PhysicalAddress HardwareAddress, int MtuBytes, int Kind, bool IsUp, bool HasCarrier, bool CarriesMulticast)
{
    private const int Ethernet = 1, Loopback = 772;

    /// <summary>Its frames begin with an Ethernet header (loopback's do).</summary>
    internal bool IsEthernet => Kind is Ethernet or Loopback;
}
