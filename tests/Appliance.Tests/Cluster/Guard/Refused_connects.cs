using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Appliance.Cluster.Guard;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Tests.Appliance.Cluster.Interop;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Tests.Appliance.Cluster.Guard;

/// <summary>A process that died leaves its address and its lease behind for a moment: its kernel must not tell clients that nobody listens.</summary>
public sealed class Refused_connects
{
    private const int Next = -1, Drop = 2;
    private const byte Syn = 0x02, Rst = 0x04, Ack = 0x10;
    private static readonly IPAddress Floating = IPAddress.Parse("192.0.2.100"), Floating6 = IPAddress.Parse("2001:db8::100"), Peer = IPAddress.Parse("192.0.2.1"), Peer6 = IPAddress.Parse("2001:db8::1");

    [RootTheory]
    [InlineData(Rst | Ack, 0, Drop)]
    [InlineData(Rst | Ack, 1, Next)] // ends a connection
    [InlineData(Rst, 0, Next)]       // answers a segment that acknowledged something
    [InlineData(Syn | Ack, 0, Next)]
    [InlineData(Ack, 0, Next)]
    public void Only_the_refusal_of_a_SYN_is_dropped_while_the_lease_is_valid(int flags, uint sequence, int verdict)
    {
        using GuardMaps maps = GuardMaps.Create();
        maps.ReplaceAddresses(new Dictionary<IPAddress, int> { [Floating] = 0, [Floating6] = 0 });
        maps.Deadline(0) = Timestamp.Never.Nanoseconds;
        using SafeFileHandle egress = Load(maps, GuardDirection.Egress), ingress = Load(maps, GuardDirection.Ingress);
        byte[][] frames = [Tcp(TestFrames.Ipv4(Floating, Peer, 6), 5, flags, sequence), Tcp(TestFrames.Ipv4(Floating, Peer, 6), 8, flags, sequence), Tcp(TestFrames.Ipv6(Floating6, Peer6, 6), 10, flags, sequence)];
        foreach (byte[] frame in frames)
        {
            foreach (ushort[] tags in new ushort[][] { [], [0x8100], [0x88a8, 0x8100] }) Assert.Equal(verdict, TestKernel.Verdict(egress, TestFrames.Tagged(frame, tags)));
        }
        Assert.Equal(verdict == Drop ? 9 : 0, maps.Withheld(0));
        Assert.Equal(0, maps.Dropped(0, GuardDirection.Egress));
        Assert.Equal(Next, TestKernel.Verdict(egress, Tcp(TestFrames.Ipv4(Peer, Floating, 6), 5, flags, sequence))); // from an address that is nobody's
        Assert.Equal(Next, TestKernel.Verdict(ingress, Tcp(TestFrames.Ipv4(Peer, Floating, 6), 5, flags, sequence)));
        Assert.Equal(Next, TestKernel.Verdict(egress, Tcp(TestFrames.Ipv4(Floating, Peer, 17), 5, flags, sequence)));
        byte[] fragment = Tcp(TestFrames.Ipv4(Floating, Peer, 6), 5, flags, sequence);
        fragment[21] = 1;
        Assert.Equal(Next, TestKernel.Verdict(egress, fragment));
    }

    [RootFact, Trait("Demand", "A2")]
    public void A_connect_that_finds_nobody_is_not_refused_and_reaches_who_listens_a_second_later()
    {
        const int port = 6379;
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        pair.AddToHost(HostAndClient.Floating, HostAndClient.Floating6);
        using var holder = new GuardHolder(pair.Host, place.Options, HostAndClient.HostLink, TimeSpan.FromSeconds(60), HostAndClient.Floating, HostAndClient.Floating6);
        Assert.Equal("holding", holder.FirstLine);
        holder.Kill();

        Assert.Equal(SocketError.ConnectionRefused, Outcome(Begin(pair.Client, HostAndClient.HostAddress, port), TimeSpan.FromSeconds(10)));
        using Socket first = Begin(pair.Client, HostAndClient.Floating, port), second = Begin(pair.Client, HostAndClient.Floating6, port);
        Assert.Null(Outcome(first, TimeSpan.FromMilliseconds(300)));
        Assert.Null(Outcome(second, TimeSpan.Zero));
        using Socket listener = pair.Host.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
            socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
            socket.Listen();
            return socket;
        });
        Assert.Equal(SocketError.Success, Outcome(first, TimeSpan.FromSeconds(20))); // the kernel repeats a SYN
        Assert.Equal(SocketError.Success, Outcome(second, TimeSpan.FromSeconds(20)));
    }

    private static Socket Begin(TestNamespace client, IPAddress address, int port) => client.Run(() =>
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        try
        {
            socket.Connect(new IPEndPoint(address, port));
        }
        catch (SocketException pending) when (pending.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // It is under way.
        }
        return socket;
    });

    private static SocketError? Outcome(Socket connecting, TimeSpan patience) =>
        connecting.Poll(patience, SelectMode.SelectWrite) ? (SocketError)(int)connecting.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)! : null;

    /// <summary>An IP frame made to carry a TCP header behind a header of so many words.</summary>
    private static byte[] Tcp(byte[] ip, int headerWords, int flags, uint sequence)
    {
        byte[] frame = new byte[14 + 4 * headerWords + 20];
        bool isIpv4 = ip[14] >> 4 == 4;
        ip.AsSpan(0, 14 + (isIpv4 ? 20 : 40)).CopyTo(frame);
        if (isIpv4) frame[14] = (byte)(0x40 | headerWords);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(isIpv4 ? 16 : 18), (ushort)(isIpv4 ? frame.Length - 14 : 20));
        Span<byte> tcp = frame.AsSpan(14 + 4 * headerWords);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        tcp[12] = 0x50;
        tcp[13] = (byte)flags;
        return frame;
    }

    private static SafeFileHandle Load(GuardMaps maps, GuardDirection direction)
    {
        byte[] log = new byte[65536];
        int program = Bpf.LoadProgram("appl_guard_test", GuardProgram.Build(direction, (int)maps.Addresses.DangerousGetHandle(), (int)maps.Services.DangerousGetHandle()), log);
        Assert.True(program >= 0, System.Text.Encoding.UTF8.GetString(log).TrimEnd('\0'));
        return KernelObjects.Own(program);
    }
}
