using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Appliance.Cluster.Guard;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Appliance.Cluster.Guard;

/// <summary>Where exactly in time the fence falls, seen on the other end of the cable.</summary>
public sealed class The_deadline
{
    private const int Port = 9100;

    /// <summary>Between two packets: the kernel's queues, which other tests share, hold a thousand.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromMicroseconds(20);
    private readonly ITestOutputHelper _output;

    public The_deadline(ITestOutputHelper output) => _output = output;

    /// <summary>Each packet carries the time before it was sent, and the time after is noted: the guard drops none that was sent wholly before the deadline and each that was sent wholly after it. Exact,
    /// however the machine stalls.</summary>
    [RootTheory, Trait("Demand", "E8")]
    [InlineData(nameof(GuardAttachment.Tcx), false)]
    [InlineData(nameof(GuardAttachment.Tcx), true)]
    [InlineData(nameof(GuardAttachment.Clsact), false)]
    [InlineData(nameof(GuardAttachment.Clsact), true)]
    public void Parts_what_leaves_from_what_never_leaves_while_the_process_goes_on_sending(string attachment, bool isIPv6)
    {
        const int leases = 5;
        TimeSpan lease = TimeSpan.FromMilliseconds(20);
        IPAddress floating = isIPv6 ? HostAndClient.Floating6 : HostAndClient.Floating, client = isIPv6 ? HostAndClient.ClientAddress6 : HostAndClient.ClientAddress;
        using var pair = new HostAndClient();
        using var place = new GuardPlace(Enum.Parse<GuardAttachment>(attachment));
        pair.AddToHost(floating);
        using LeaseGuard guard = place.Install(pair, new GuardedService("s", [floating]));
        using Socket receiver = pair.Client.Run(() => Bound(client, Port));
        receiver.ReceiveBufferSize = 4 << 20;
        using Socket sender = pair.Host.Run(() => Bound(floating, 0));
        sender.Connect(client, Port);
        guard.Renew(0, EventLoop.ReadClock() + TimeSpan.FromMinutes(1));
        sender.Send(new byte[8]);
        receiver.Receive(new byte[8]);                                           // neighbours know each other now

        byte[] packet = new byte[8];
        for (int round = 0; round < leases; round++)
        {
            var sent = new List<(long Before, long After)>(10_000);
            long droppedBefore = guard.Dropped(0, GuardDirection.Egress);
            Timestamp deadline = EventLoop.ReadClock() + lease;
            guard.Renew(0, deadline);
            while (sent.Count == 0 || sent[^1].Before < (deadline + lease).Nanoseconds)
            {
                long before = EventLoop.ReadClock().Nanoseconds;
                BinaryPrimitives.WriteInt64LittleEndian(packet, before);
                sender.Send(packet);
                sent.Add((before, EventLoop.ReadClock().Nanoseconds));
                while (EventLoop.ReadClock().Nanoseconds < before + Pace.Ticks * 100) Thread.SpinWait(1);
            }
            long dropped = guard.Dropped(0, GuardDirection.Egress) - droppedBefore;
            guard.Renew(0, Timestamp.Never);
            HashSet<long> arrived = Collect(sender, receiver);

            Assert.InRange(dropped, sent.Count(one => one.Before >= deadline.Nanoseconds), sent.Count(one => one.After >= deadline.Nanoseconds));
            Assert.InRange(dropped, 1, long.MaxValue);
            Assert.NotEmpty(arrived);
            Assert.DoesNotContain(arrived, stamp => stamp >= deadline.Nanoseconds);
            _output.WriteLine($"{attachment} ipv6={isIPv6}: {sent.Count} sent, {dropped} fenced, none of them arrived; the last to arrive was sent {(deadline.Nanoseconds - arrived.Max()) / 1000.0:F1} us before the deadline, the first fenced {(sent[sent.Count - (int)dropped].Before - deadline.Nanoseconds) / 1000.0:F1} us after it");
        }
        guard.Uninstall();
    }

    [RootTheory]
    [InlineData(nameof(GuardAttachment.Tcx))]
    [InlineData(nameof(GuardAttachment.Clsact))]
    public void Silences_every_protocol_both_ways_and_nothing_else(string attachment)
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(Enum.Parse<GuardAttachment>(attachment));
        pair.AddToHost(HostAndClient.Floating, HostAndClient.Floating6, HostAndClient.Other, HostAndClient.Other6);
        using LeaseGuard guard = place.Install(pair, new GuardedService("s", [HostAndClient.Floating, HostAndClient.Floating6]), new GuardedService("t", [HostAndClient.Other, HostAndClient.Other6]));
        using Socket listener = pair.Host.Run(() => Listening(IPAddress.IPv6Any));
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        IPAddress[] first = [HostAndClient.Floating, HostAndClient.Floating6], second = [HostAndClient.Other, HostAndClient.Other6], own = [HostAndClient.HostAddress, HostAndClient.HostAddress6];

        guard.Renew(0, Timestamp.Never);
        AssertReachable(pair, port, first);
        AssertMute(pair, port, second);
        AssertReachable(pair, port, own);

        guard.Renew(1, Timestamp.Never);
        guard.Revoke(0);
        AssertMute(pair, port, first);
        AssertReachable(pair, port, second);
        AssertReachable(pair, port, own);
        Assert.InRange(guard.Dropped(0, GuardDirection.Ingress), 1, long.MaxValue);

        guard.Uninstall();
        AssertReachable(pair, port, [.. first, .. second]);
    }

    private static void AssertReachable(HostAndClient pair, int port, params IPAddress[] addresses)
    {
        foreach (IPAddress address in addresses) Assert.True(Reaches(pair, address, port, TimeSpan.FromSeconds(10)), $"{address} does not accept");
        AssertResolves(pair, addresses, addresses);
    }

    /// <summary>Nobody resolves the address, and a client that still has it in its cache gets no answer.</summary>
    private static void AssertMute(HostAndClient pair, int port, params IPAddress[] addresses)
    {
        string mac = string.Join(':', pair.LinkOfHost().HardwareAddress.GetAddressBytes().Select(static part => $"{part:x2}"));
        AssertResolves(pair, addresses, []);
        foreach (IPAddress address in addresses)
        {
            pair.Client.Ip($"neigh replace {address} lladdr {mac} nud permanent dev {HostAndClient.ClientLink}");
            Assert.False(Reaches(pair, address, port, TimeSpan.FromMilliseconds(100)), $"{address} accepts");
            pair.Client.Ip($"neigh del {address} dev {HostAndClient.ClientLink}");
        }
    }

    private static void AssertResolves(HostAndClient pair, IPAddress[] asked, IPAddress[] answered)
    {
        IReadOnlyList<global::Appliance.Cluster.Addresses.AddressConflict> answers = pair.Client.Run(() => global::Appliance.Cluster.Addresses.ConflictProbe.Run(pair.LinkOfClient(), asked, TimeSpan.FromMilliseconds(200)));
        Assert.Equal(answered, answers.Select(static answer => answer.Address));
    }

    private static bool Reaches(HostAndClient pair, IPAddress address, int port, TimeSpan patience) => pair.Client.Run(() =>
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            return socket.ConnectAsync(address, port).Wait(patience);
        }
        catch (AggregateException exception) when (exception.InnerException is SocketException)
        {
            return false;
        }
    });

    private static Socket Listening(IPAddress address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        socket.Bind(new IPEndPoint(address, 0));
        socket.Listen(64);
        return socket;
    }

    private static Socket Bound(IPAddress address, int port)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 5000 };
        socket.Bind(new IPEndPoint(address, port));
        return socket;
    }

    /// <summary>Everything that has arrived: until a packet that says so, sent again until it comes through.</summary>
    private static HashSet<long> Collect(Socket sender, Socket receiver)
    {
        var arrived = new HashSet<long>();
        byte[] packet = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(packet, long.MaxValue);
        for (int attempt = 0; attempt < 100; attempt++)
        {
            sender.Send(packet);
            while (receiver.Poll(TimeSpan.FromMilliseconds(50), SelectMode.SelectRead))
            {
                byte[] received = new byte[8];
                receiver.Receive(received);
                long stamp = BinaryPrimitives.ReadInt64LittleEndian(received);
                if (stamp == long.MaxValue) return arrived;
                arrived.Add(stamp);
            }
        }
        throw new InvalidOperationException("the client hears nothing any more");
    }
}
