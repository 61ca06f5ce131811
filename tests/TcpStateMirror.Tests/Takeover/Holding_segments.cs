using System.Net;
using System.Net.Sockets;
using Appliance.TcpStateMirror.Takeover;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.TcpStateMirror.Takeover;

/// <summary>Rules and queues of the kernel's packet filter, in a network namespace of the test's own.</summary>
[Trait("Demand", "A8")]
public sealed class Holding_segments : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly string _place = $"hold{Environment.ProcessId}";

    public Holding_segments() => Shell.Run("ip", "netns", "add", _place);

    public void Dispose() => Shell.Run("ip", "netns", "delete", _place);

    [RootTheory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public void Payload_and_FIN_wait_for_the_verdict_and_pure_acknowledgements_do_not(string address) => NetworkNamespace.Run(_place, () =>
    {
        Shell.Run("ip", "link", "set", "lo", "up");
        using var listener = new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        listener.Listen();
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        Assert.True(PacketQueue.TryOpen(7, 64, out PacketQueue? arriving));
        Assert.True(PacketQueue.TryOpen(8, 64, out PacketQueue? leaving));
        Assert.False(PacketQueue.TryOpen(7, 64, out _));
        using (arriving)
        using (leaving)
        using (var rules = new HoldRules("test", arriving!.Number, leaving!.Number))
        {
            HoldRule[] wanted = [new(IPAddress.Parse(address), port, null, 0)];
            rules.Install(wanted);
            rules.Install(wanted); // as after a crash
            Assert.True(rules.Verify());
            using var client = new Socket(listener.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 5000 };
            client.Connect(listener.LocalEndPoint!); // SYN and acknowledgement pass
            using Socket accepted = listener.Accept();

            client.Send("held"u8);
            uint held = Next(arriving, "held");
            Assert.Equal(0, accepted.Available);
            arriving.Decide(held, accept: true);
            arriving.Flush();
            Until.True("the payload has arrived", Limit, () => accepted.Available == 4);

            client.Shutdown(SocketShutdown.Send);
            uint fin = Next(arriving, "", repeated: "held");
            Assert.Equal(4, accepted.Receive(new byte[8]));
            arriving.Decide(fin, accept: true);
            arriving.Flush();
            Assert.Equal(0, accepted.Receive(new byte[8]));

            accepted.Shutdown(SocketShutdown.Send);
            uint approved = Next(leaving, "");
            Assert.False(client.Poll(0, SelectMode.SelectRead));
            leaving.Decide(approved, accept: true);
            leaving.Flush();
            Assert.Equal(0, client.Receive(new byte[8]));
            Assert.Equal(0, arriving.Refused + leaving.Refused);

            Shell.Run("nft", "flush", "ruleset");
            Assert.False(rules.Verify());
            rules.Install(wanted);
            Assert.True(rules.Verify());
        }
        Assert.DoesNotContain("appliance-test", Shell.Run("nft", "list", "ruleset"), StringComparison.Ordinal);
        return true;
    });

    [Fact]
    public void Any_bytes_as_a_message_of_the_kernel_or_as_a_segment_are_read_without_a_throw()
    {
        int mutations = TestCounts.Of("takeover.segments");
        var random = new Random(920);
        byte[] bytes = new byte[256];
        for (int i = 0; i < mutations; i++)
        {
            random.NextBytes(bytes);
            int length = random.Next(bytes.Length + 1);
            BitConverter.TryWriteBytes(bytes, random.Next(4) == 0 ? random.Next() : length);
            BitConverter.TryWriteBytes(bytes.AsSpan(4), (ushort)(3 << 8));
            for (int at = 20; at < 120; at += 12)
            {
                BitConverter.TryWriteBytes(bytes.AsSpan(at), (ushort)random.Next(0, 24));
                BitConverter.TryWriteBytes(bytes.AsSpan(at + 2), (ushort)random.Next(0, 16));
            }
            if (PacketQueue.TryRead(bytes.AsSpan(0, length), out QueuedPacket packet)) _ = HeldSegment.TryRead(packet.Datagram, verify: true, out _);
            bytes[0] = (byte)(random.Next(2) == 0 ? 0x45 : 0x60);
            bytes[random.Next(2) == 0 ? 9 : 6] = 6;
            if (HeldSegment.TryRead(bytes.AsSpan(0, length), verify: false, out HeldSegment segment))
            {
                Assert.True(segment.PayloadStart >= 40);
                Assert.True(segment.PayloadStart + segment.PayloadBytes <= length);
            }
        }
    }

    // The sender repeats what waits longer than its timer: such segments are let go.
    private static uint Next(PacketQueue queue, string payload, string? repeated = null)
    {
        uint id = 0;
        Until.True("a segment waits in the queue", Limit, () =>
        {
            if (!queue.TryReceive(out QueuedPacket packet)) return false;
            id = packet.Id;
            Assert.True(HeldSegment.TryRead(packet.Datagram, packet.IsUnverified, out HeldSegment segment));
            string held = System.Text.Encoding.ASCII.GetString(packet.Datagram.Slice(segment.PayloadStart, segment.PayloadBytes));
            if (held != repeated)
            {
                Assert.Equal(payload, held);
                return true;
            }
            queue.Decide(id, accept: true);
            queue.Flush();
            return false;
        });
        return id;
    }
}
