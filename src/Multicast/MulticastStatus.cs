using Appliance.Multicast.Protocol;
using Appliance.Multicast.Transport;

namespace Appliance.Multicast;

/// <summary>What a group is doing, for status pages and metrics. A picture of one moment, but <see cref="Transport"/> and the histogram stay live.</summary>
public sealed record MulticastStatus
{

    /// <summary>Name of the interface.</summary>
    public required string Interface { get; init; }

    /// <summary>This node's address and unicast port.</summary>
    public required string Address { get; init; }

    /// <summary>The interface's MTU now.</summary>
    public required int MtuBytes { get; init; }

    /// <summary>UDP payload of a full datagram.</summary>
    public required int DatagramBytes { get; init; }

    /// <summary>The transport is multicast; a single member may be served by unicast all the same (<see cref="MulticastMemberStatus.ByUnicast"/>).</summary>
    public required bool UsesMulticast { get; init; }

    /// <summary>This node's end of the second path of the heartbeats; null without one.</summary>
    public required string? SecondAddress { get; init; }

    /// <summary>The last errno of a heartbeat that could not be sent there; 0 while there was none.</summary>
    public required int SecondPathErrno { get; init; }

    /// <summary>Datagrams are sealed.</summary>
    public required bool Sealed { get; init; }

    /// <summary>What the start-up test found.</summary>
    public required SelfTestResult StartUpTest { get; init; }

    /// <summary>The interface is up and has a carrier.</summary>
    public required bool LinkCarries { get; init; }

    /// <summary>Times that the carrier was lost.</summary>
    public required long CarrierLosses { get; init; }

    /// <summary>How runs of datagrams are sent.</summary>
    public required SendMethod SendMethod { get; init; }

    /// <summary>Why segmentation offload is not used; null when it is.</summary>
    public required string? WhyNotSegmented { get; init; }

    /// <summary>The kernel hands over coalesced runs (UDP_GRO).</summary>
    public required bool ReceiveOffload { get; init; }

    /// <summary>Socket buffer bytes that were asked for.</summary>
    public required int AskedBufferBytes { get; init; }

    /// <summary>Receive buffer that was granted, in the kernel's account: twice the asked bytes when granted in full.</summary>
    public required int ReceiveBufferBytes { get; init; }

    /// <summary>Send buffer that was granted, in the kernel's account.</summary>
    public required int SendBufferBytes { get; init; }

    /// <summary>Datagrams that the kernel dropped because a receive buffer was full; they were repaired.</summary>
    public required long ReceiveDrops { get; init; }

    /// <summary>Native memory of the repair windows.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>What the data sockets did.</summary>
    public required TransportCounters Transport { get; init; }

    /// <summary>Everything that the protocol counts, by name.</summary>
    public required IReadOnlyList<KeyValuePair<string, long>> Protocol { get; init; }

    /// <summary>The heartbeat thread.</summary>
    public required HeartbeatStatus Heartbeats { get; init; }

    /// <summary>The other members.</summary>
    public required IReadOnlyList<MulticastMemberStatus> Members { get; init; }

    /// <summary>Why the group does not admit this node, in a sentence; null when it did not refuse.</summary>
    public required string? Refusal { get; init; }

    /// <summary>What keeps nodes apart, or does not belong on the group's network.</summary>
    public required IReadOnlyList<GroupTrouble> Troubles { get; init; }

    /// <summary>What an operator should look at, one sentence each.</summary>
    public IReadOnlyList<string> Warnings => GroupWarnings.Collect(this);

    internal static IReadOnlyList<KeyValuePair<string, long>> Read(EngineCounters counters) =>
        [.. counters.All().Select(static counter => KeyValuePair.Create(counter.Name, counter.Value))];
}
