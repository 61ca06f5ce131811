namespace Appliance.Multicast;

/// <summary>How a message is published.</summary>
[Flags]
public enum PublishOptions : byte
{
    /// <summary>Packed with its neighbours; sent when the datagram is full, at <see cref="IGroup.Flush"/>, or at the flush deadline.</summary>
    None = 0,

    /// <summary>Receivers report at once when they have applied it (acknowledged publish).</summary>
    AcknowledgeNow = 1,

    /// <summary>More messages of the same batch follow: all of them are delivered together or not at all.</summary>
    BatchContinues = 2,
}

/// <summary>Why part of a stream will never be delivered.</summary>
public enum GapReason : byte
{
    /// <summary>No living holder has it any more (answered GONE, or below the oldest repairable).</summary>
    Gone,

    /// <summary>The stream was admitted after that part was sent; a snapshot brings its effect.</summary>
    JoinedLate,

    /// <summary>The sender ejected this node for lagging.</summary>
    Ejected,
}

/// <summary>
/// A group as the state layer sees it: the product's <c>MulticastGroup</c> over Linux sockets and the simulator's node are the two implementations.
/// Every member is called on the loop thread only.
/// </summary>
public interface IGroup
{
    /// <summary>This node.</summary>
    NodeId Self { get; }

    /// <summary>This node's name.</summary>
    string Name { get; }

    /// <summary>This node's life.</summary>
    ulong Incarnation { get; }

    /// <summary>The loop's current time; constant during one callback.</summary>
    Timestamp Now { get; }

    /// <summary>Wall time of this node in milliseconds since the Unix epoch (for expiry), read once per loop round.</summary>
    long WallMilliseconds { get; }

    /// <summary>The other members, in the order in which they were first heard; members that left are removed.</summary>
    IReadOnlyList<GroupMember> Members { get; }

    /// <summary>Largest message in bytes.</summary>
    int MaxMessageBytes { get; }

    /// <summary>Appends a message to this node's stream.</summary>
    /// <param name="message">Copied once, into the repair window.</param>
    /// <param name="options">See <see cref="PublishOptions"/>.</param>
    /// <param name="sequence">The stream sequence of the datagram that completes the message: who has applied it has applied the message.</param>
    /// <returns>False when the flow window is closed, as it is for good once this node has left: nothing happened; wait for <see cref="IGroupHandler.OnWindowOpen"/>. Never false inside a batch that has begun.</returns>
    bool TryPublish(ReadOnlySpan<byte> message, PublishOptions options, out ulong sequence);

    /// <summary>Bytes that can be published now without being refused.</summary>
    long PublishableBytes { get; }

    /// <summary>Sends what is packed so far. The loop does it at the end of each round; calling it earlier trades batching for latency.</summary>
    void Flush();

    /// <summary>The newest sequence of this node's stream that is complete (0 before the first).</summary>
    ulong PublishedThrough { get; }

    /// <summary>Members refuse to admit this node, for example because its name is alive elsewhere (P-33): it must not act for the group.</summary>
    bool IsRefused => false;

    /// <summary>Tells the group whether this node holds the complete state of its services; travels on heartbeats and reports. Reports say 'applied' only while true.</summary>
    void DeclareSynchronised(bool synchronised);

    /// <summary>What every beat of this node carries from now on: standing information of a layer above, opaque to the group. Replaces what was published before; nothing is sent for it unless in a hurry.</summary>
    /// <param name="extension">Copied; at most 600 bytes, so that it fits beside the entries of 15 other members. Empty: none.</param>
    /// <param name="validUntil">From then on beats leave it out, also if this thread hangs: nobody claims with it what has expired. <see cref="Timestamp.Never"/>: until replaced.</param>
    /// <param name="hurry">Also send a PROBE to all at once, so that it does not wait for the next beat.</param>
    /// <exception cref="ArgumentException">The extension is too long.</exception>
    void PublishBeatExtension(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry);
}

/// <summary>What the group tells the state layer. Called on the loop thread; must not block; must not call back into <see cref="IGroup.TryPublish"/> from <see cref="OnDeliver"/>.</summary>
public interface IGroupHandler
{
    /// <summary>One or more whole batches of a member's stream, gap-free and in order, each exactly once.</summary>
    /// <param name="sender">Whose stream.</param>
    /// <param name="throughSequence">After this call everything of the stream up to and including this sequence has been delivered.</param>
    /// <param name="run">The messages; valid during the call only.</param>
    void OnDeliver(GroupMember sender, ulong throughSequence, MessageRun run);

    /// <summary>Sequences <paramref name="from"/> to <paramref name="through"/> of a member's stream will not be delivered: obtain their effect by synchronisation.</summary>
    void OnStreamGap(GroupMember sender, ulong from, ulong through, GapReason reason);

    /// <summary>A member's state, role, synchronisation or path changed.</summary>
    void OnMemberChanged(GroupMember member, MemberChange change);

    /// <summary>Some member's <see cref="GroupMember.AppliedThrough"/> of our stream advanced. At most once per receive batch.</summary>
    void OnProgress();

    /// <summary>Publishing was refused and is possible again.</summary>
    void OnWindowOpen();

    /// <summary>An authentic, new beat of an admitted member, whichever way it came. A handler that takes no part in elections need not implement it.</summary>
    /// <param name="member">Whose.</param>
    /// <param name="receivedAt">When it was received, on this node's clock; a beat of the heartbeat thread is stamped before it waits for the loop.</param>
    /// <param name="beatSent">When it was sent, on the member's clock in nanoseconds.</param>
    /// <param name="echoedSent">When this node sent the newest beat that had arrived there, on this node's clock in nanoseconds; 0: none, or it did not fit.</param>
    /// <param name="heldMicroseconds">How long before <paramref name="beatSent"/> that had arrived.</param>
    /// <param name="extension">What the member's <see cref="IGroup.PublishBeatExtension"/> said; valid during the call only. Empty: nothing, or no longer.</param>
    void OnBeat(GroupMember member, Timestamp receivedAt, ulong beatSent, ulong echoedSent, uint heldMicroseconds, ReadOnlySpan<byte> extension)
    {
    }
}
