using System.Net;
using System.Net.Sockets;
using Appliance.TcpStateMirror.Takeover;
using Appliance.Tests.Shared;

namespace Appliance.Tests.TcpStateMirror.Takeover;

/// <summary>A socket is recorded once, forgotten silently, and made anew from the record and the two streams; its peer notices nothing.</summary>
[Trait("Demand", "A2"), Trait("Demand", "A8")]
public sealed class Recording_and_restoring
{
    [RootTheory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("::1", true)]
    public void The_peer_gets_what_was_on_its_way_and_what_it_sends_arrives(string address, bool half)
    {
        using var listener = new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        listener.Listen();
        using var peer = new Socket(listener.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 20_000, SendTimeout = 20_000 };
        peer.Connect(listener.LocalEndPoint!);
        Socket first = listener.Accept();
        Assert.Equal(0, SocketRecord.TryCapture((int)first.Handle, out SocketRecord record));
        Span<byte> encoded = stackalloc byte[SocketRecord.Bytes];
        record.Write(encoded);
        Assert.True(SocketRecord.TryRead(encoded, out SocketRecord read));
        Assert.Equal(record, read);

        var memory = new AssemblyMemory(1 << 20);
        using StreamAssembly received = new(memory), sent = new(memory);
        peer.Send("question"u8);
        Receive(first, "question");
        _ = received.Add(0, "question"u8);
        first.Send("an answer "u8);
        Receive(peer, "an answer ");
        _ = sent.Add(0, "an answer "u8);
        if (half)
        {
            peer.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, first.Receive(new byte[1]));
            Assert.True(received.Finish("question".Length));
        }
        sent.Trim("an ".Length); // stale: the peer has more
        _ = sent.Add("an answer ".Length, "that was never sent"u8);
        Assert.Equal(0, SocketRestore.Silence((int)first.Handle));
        first.Dispose();

        int descriptor = SocketRestore.TryMake(record with { Timestamp = record.Timestamp + 20_000 }, received, sent);
        Assert.True(descriptor >= 0, $"errno {-descriptor}");
        using var second = new Socket(new SafeSocketHandle(descriptor, ownsHandle: true)) { ReceiveTimeout = 20_000 };
        Assert.Equal(0, SocketRestore.Release(descriptor));

        Receive(peer, "that was never sent");
        if (!half)
        {
            peer.Send("more"u8);
            second.Blocking = true;
            Receive(second, "more");
        }
        second.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, peer.Receive(new byte[1]));
    }

    [Fact]
    public void Any_bytes_are_a_record_that_can_be_written_again_or_none()
    {
        int mutations = TestCounts.Of("takeover.segments");
        var random = new Random(919);
        byte[] bytes = new byte[SocketRecord.Bytes], again = new byte[SocketRecord.Bytes];
        int good = 0;
        for (int i = 0; i < mutations; i++)
        {
            random.NextBytes(bytes);
            bytes[0] &= 15;
            bytes[1] &= 15;
            bytes[2] &= 15;
            if (!SocketRecord.TryRead(bytes.AsSpan(0, random.Next(20) == 0 ? random.Next(SocketRecord.Bytes) : SocketRecord.Bytes), out SocketRecord record)) continue;
            good++;
            record.Write(again);
            Assert.True(SocketRecord.TryRead(again, out SocketRecord same));
            Assert.Equal(record, same);
        }
        Assert.True(good > mutations / 4);
    }

    [Fact]
    public void A_socket_that_is_not_connected_cannot_be_recorded()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

        Assert.True(SocketRecord.TryCapture((int)socket.Handle, out _) < 0);
    }

    private static void Receive(Socket socket, string expected)
    {
        byte[] bytes = new byte[expected.Length];
        for (int got = 0; got < bytes.Length;)
        {
            int count = socket.Receive(bytes, got, bytes.Length - got, SocketFlags.None);
            Assert.NotEqual(0, count);
            got += count;
        }
        Assert.Equal(expected, System.Text.Encoding.ASCII.GetString(bytes));
    }
}
