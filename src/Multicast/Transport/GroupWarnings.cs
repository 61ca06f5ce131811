using Appliance.Multicast.Protocol;

namespace Appliance.Multicast.Transport;

/// <summary>Puts into sentences what an operator should look at.</summary>
internal static class GroupWarnings
{
    internal static IReadOnlyList<string> Collect(MulticastStatus status)
    {
        List<string> warnings = [];
        if (!status.StartUpTest.Passed) warnings.Add(status.StartUpTest.Sentence);
        if (status.Refusal is not null) warnings.Add(status.Refusal);
        warnings.AddRange(status.Troubles.Where(static trouble => trouble.Kind != GroupTroubleKind.Refused).Select(static trouble => trouble.Sentence));
        if (!status.LinkCarries) warnings.Add($"the group's interface '{status.Interface}' has no carrier: look at its cable and switch port");
        int needed = status.DatagramBytes + InterfaceChoice.HeaderBytes(status.Address.StartsWith('[') ? System.Net.Sockets.AddressFamily.InterNetworkV6 : System.Net.Sockets.AddressFamily.InterNetwork);
        if (status.MtuBytes < needed) warnings.Add($"the MTU of '{status.Interface}' fell to {status.MtuBytes}, the group's datagrams need {needed}: they are not sent");
        if (!status.Sealed) warnings.Add("the group is not sealed: anyone on its network can read and forge state");
        if (status.ReceiveBufferBytes < status.AskedBufferBytes)
            warnings.Add($"the kernel granted a receive buffer of {status.ReceiveBufferBytes} bytes instead of {2L * status.AskedBufferBytes}: raise net.core.rmem_max or give CAP_NET_ADMIN, bursts are dropped otherwise");
        if (status.ReceiveDrops > 0) warnings.Add($"{status.ReceiveDrops} datagrams were dropped because this node's receive buffer was full; they were repaired");
        if (status.Heartbeats.Hanging is { } hanging) warnings.Add($"'{hanging}' does not advance: this node sends no heartbeats");
        foreach (MulticastMemberStatus member in status.Members)
        {
            if (status.UsesMulticast && member.ByUnicast && member.State == MemberState.Live)
                warnings.Add($"multicast between this node and '{member.Name}' does not arrive, unicast does: traffic goes by unicast; look at IGMP snooping without a querier on the switches between them");
        }
        return warnings;
    }

    internal static string Describe(JoinRefusal refusal, GroupSettings settings) => refusal.Reason switch
    {
        RefusalReason.NodeAlive => $"the group refuses this node: '{settings.NodeName}' is alive{At(refusal)} in incarnation {refusal.Incarnation}; two nodes must not share a name and a state directory",
        RefusalReason.NameClash => $"the group refuses this node: another member's name has the same number as '{settings.NodeName}'; rename one of them",
        RefusalReason.WireVersion => "the group refuses this node: no wire version is common; upgrade one version at a time",
        RefusalReason.StaleIncarnation => $"the group refuses this node: it knows incarnation {refusal.Incarnation} of '{settings.NodeName}', this is {settings.Incarnation}; was the state directory lost or restored from an old copy?",
        RefusalReason.SettingsDiffer => $"the group refuses this node: its settings differ from the other members' (datagram size, largest message); make them equal or check the MTUs",
        RefusalReason.GroupFull => "the group refuses this node: it has as many members as it can have",
        _ => $"the group refuses this node: {refusal.Reason}",
    };

    private static string At(JoinRefusal refusal) => refusal.Address is null ? "" : $" at {refusal.Address}";
}
