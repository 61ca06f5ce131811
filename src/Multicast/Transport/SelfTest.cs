using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Appliance.Multicast.Transport;

/// <summary>What the start-up test of the group's multicast found.</summary>
/// <param name="Passed">This node's multicast arrives at this node.</param>
/// <param name="Sentence">One sentence for the operator.</param>
public readonly record struct SelfTestResult(bool Passed, string Sentence);

/// <summary>Sends an empty datagram to the group that stays on this host (TTL 0), and waits for it on the joined socket.</summary>
/// <remarks>
/// It passes membership, interface, socket and the host's own packet filter in both directions. What the network between the hosts does to multicast
/// shows only with other members: the engine probes that all the time, per member.
/// </remarks>
internal static class SelfTest
{
    private const int Attempts = 3;
    private static readonly TimeSpan AttemptTime = TimeSpan.FromMilliseconds(100);

    /// <summary>Runs before the sockets are used otherwise; takes up to 300 ms when nothing arrives.</summary>
    internal static SelfTestResult Run(GroupSettings settings, InterfaceChoice choice, DatagramSockets sockets)
    {
        int port = ((IPEndPoint)sockets.Unicast.LocalEndPoint!).Port;
        if (sockets.Group is null) return new(true, $"unicast group: {settings.Peers.Count} peers, own address {choice.Address}:{port} on '{choice.Name}'");
        var group = (IPEndPoint)sockets.Group.LocalEndPoint!;
        using var probe = new Socket(group.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        probe.Bind(new IPEndPoint(choice.Address, 0));
        DatagramSockets.PrepareMulticast(probe, settings, choice, timeToLive: 0, loopBack: true);
        EndPoint source = probe.LocalEndPoint!;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            try
            {
                probe.SendTo([], group);
            }
            catch (SocketException error)
            {
                return new(false, DescribeSendError(error, group, choice));
            }
            if (Arrives(sockets.Group, source)) return new(true, $"multicast {group} arrives on '{choice.Name}'");
        }
        return new(false, $"multicast to {group} on '{choice.Name}' does not come back to this host: a packet filter drops it, look for rules about UDP port {group.Port} or 224.0.0.0/4 (nft list ruleset)");
    }

    private static bool Arrives(Socket group, EndPoint source)
    {
        Span<byte> datagram = stackalloc byte[64];
        long deadline = Stopwatch.GetTimestamp() + (long)(AttemptTime.TotalSeconds * Stopwatch.Frequency);
        EndPoint from = new IPEndPoint(group.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        while (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), deadline) is { Ticks: > 0 } rest)
        {
            if (!group.Poll(rest, SelectMode.SelectRead)) return false;
            try
            {
                group.ReceiveFrom(datagram, ref from);
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.MessageSize or SocketError.WouldBlock)
            {
                continue; // another member's datagram, longer than ours
            }
            if (from.Equals(source)) return true;
        }
        return false;
    }

    private static string DescribeSendError(SocketException error, IPEndPoint group, InterfaceChoice choice) => error.SocketErrorCode switch
    {
        SocketError.AccessDenied => $"this host's packet filter refuses multicast to {group} on '{choice.Name}': allow UDP port {group.Port} in its output rules",
        SocketError.NetworkUnreachable or SocketError.NetworkDown => $"multicast to {group} cannot leave by '{choice.Name}': the interface or its route is down",
        _ => $"multicast to {group} cannot be sent on '{choice.Name}': {error.Message}",
    };
}
