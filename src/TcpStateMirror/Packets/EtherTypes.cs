namespace Appliance.TcpStateMirror.Packets;

/// <summary>The EtherTypes that a path to IP passes (IEEE registry).</summary>
internal static class EtherTypes
{
    internal const ushort IPv4 = 0x0800, IPv6 = 0x86dd, Vlan = 0x8100, ProviderVlan = 0x88a8, OldProviderVlan = 0x9100, PppoeSession = 0x8864, Mpls = 0x8847;
}
