using Appliance.Multicast;

namespace Appliance.State;

/// <summary>
/// Reliable, ordered channels to other members, beside the group's datagrams: sealed TCP connections in the product, virtual ones in the simulator
/// (ARCHITECTURE 4, join and resync). Loop thread.
/// </summary>
/// <remarks>
/// The other end of a channel is a <see cref="SyncServerSession"/> of the member's mirror (<see cref="StateMirror.CreateServerSession"/>): the transport hands it each
/// request and then takes messages out of it (<see cref="SyncServerSession.Produce"/>) for as long as there are any and the channel takes them.
/// </remarks>
internal interface ISyncTransport
{
    /// <summary>Opens a channel. Requests may be sent at once; a member that cannot be reached shows as <see cref="ISyncChannelHandler.OnClosed"/>, never from within this call.</summary>
    ISyncChannel Open(GroupMember member, ISyncChannelHandler handler);
}

/// <summary>The asking end of a channel. Loop thread.</summary>
internal interface ISyncChannel
{
    /// <summary>Sends a request; what is sent before the channel is up goes when it is.</summary>
    void Send(ReadOnlySpan<byte> message);

    /// <summary>Closes the channel; the handler hears nothing more of it.</summary>
    void Close();
}

/// <summary>What the asking end hears. Loop thread; a transport gives control back between messages, so that the loop does not stop for long.</summary>
internal interface ISyncChannelHandler
{
    /// <summary>A message has arrived; valid during the call only.</summary>
    void OnMessage(ISyncChannel channel, ReadOnlySpan<byte> message);

    /// <summary>The channel broke or never came up.</summary>
    void OnClosed(ISyncChannel channel);
}
