namespace Appliance.Cluster.Addresses;

/// <summary>Receives one answer of a <see cref="RouteSocket.Query"/>.</summary>
/// <param name="type">RTM_ number.</param>
/// <param name="body">Family header and attributes; valid during the call.</param>
internal delegate void NetlinkVisitor(ushort type, ReadOnlySpan<byte> body);
