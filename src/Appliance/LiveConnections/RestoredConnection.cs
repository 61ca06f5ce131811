using Appliance.Interop;

namespace Appliance.LiveConnections;

/// <summary>A connection whose sockets were made anew on this node, for the relay to go on with.</summary>
/// <param name="Connection">Which.</param>
/// <param name="Client">The client.</param>
/// <param name="Local">Where it connected to.</param>
/// <param name="Server">The server; meaningless without a socket of it.</param>
/// <param name="FrontDescriptor">The client's socket.</param>
/// <param name="BackDescriptor">The server's; -1 when the old node had not connected yet: nothing can go on then.</param>
/// <param name="FrontFinished">The client has ended its direction.</param>
/// <param name="BackFinished">The server has.</param>
/// <param name="WrittenToFront">Offset in the server's stream up to which everything is in the client's socket.</param>
/// <param name="WrittenToBack">Offset in the client's stream up to which everything is in the server's socket.</param>
internal sealed record RestoredConnection(
    LiveConnection Connection, SocketAddressBytes Client, SocketAddressBytes Local, SocketAddressBytes Server, int FrontDescriptor, int BackDescriptor, bool FrontFinished, bool BackFinished, long WrittenToFront, long WrittenToBack);
