using System.Net;

namespace Appliance.TcpStateMirror.Takeover;

/// <summary>TCP connections whose segments are held: those of a local address that meet the ports. Both ends belong to one family.</summary>
/// <param name="Local">The floating address of this side.</param>
/// <param name="LocalPort">Port of this side; 0 for any.</param>
/// <param name="Remote">Address of the other side; null for any.</param>
/// <param name="RemotePort">Port of the other side; 0 for any.</param>
public sealed record HoldRule(IPAddress Local, int LocalPort, IPAddress? Remote, int RemotePort);
