using System.Net;

namespace Appliance.Cluster.Addresses;

/// <summary>An address that a link carries.</summary>
/// <param name="Address">The address.</param>
/// <param name="PrefixBits">Length of its network's prefix.</param>
/// <param name="InterfaceIndex">The link.</param>
/// <param name="IsTentative">IPv6: duplicate address detection has not finished; it does not serve yet.</param>
/// <param name="HasFailedDetection">IPv6: another host has it; it does not serve.</param>
internal sealed record InterfaceAddress(IPAddress Address, int PrefixBits, int InterfaceIndex, bool IsTentative, bool HasFailedDetection);
