using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Takeover;

/// <summary>One socket of a connection by its two ends.</summary>
/// <param name="Local">Address of this side.</param>
/// <param name="LocalPort">Its port.</param>
/// <param name="Remote">Address of the peer.</param>
/// <param name="RemotePort">Its port.</param>
public readonly record struct ConnectionKey(IpAddressBytes Local, ushort LocalPort, IpAddressBytes Remote, ushort RemotePort);
