using System.Net;
using System.Net.Sockets;
using Appliance.Listeners.Connections;
using Appliance.Listeners.Relay;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Relay;

public sealed class Relaying
{
    [Fact]
    public void Watches_whether_idle_peers_are_still_there()
    {
        using var fixture = new RelayFixture();
        using Peer client = fixture.Connect();
        using Peer server = fixture.Accept();

        foreach (string side in new[] { $"sport = :{fixture.EndPoint.Port}", $"dport = :{((IPEndPoint)fixture.Servers[0].LocalEndPoint!).Port}" })
            Assert.Matches(@"timer:\(keepalive,4min\d+sec", Shell.Run("ss", "-Htno", "state", "established", side)); // both ends of the relay: 300 s
    }

    [Fact]
    public void Carries_bytes_both_ways()
    {
        using var relay = new RelayFixture();
        using Peer client = relay.Connect(), server = relay.Accept();

        client.Send("question"u8);
        server.Expect("question"u8);
        server.Send("answer"u8);
        client.Expect("answer"u8);

        Assert.Equal(1, relay.OnLoop(() => relay.Listener.Counters.Connections));
    }

    [Fact]
    public void Carries_bytes_over_ipv6()
    {
        using var relay = new RelayFixture(address: IPAddress.IPv6Loopback);
        using Peer client = relay.Connect(), server = relay.Accept();

        client.Send("six"u8);

        server.Expect("six"u8);
    }

    [Fact]
    public void Lets_a_server_speak_first()
    {
        using var relay = new RelayFixture();
        using Peer client = relay.Connect(), server = relay.Accept();

        server.Send("220 ready\r\n"u8);

        client.Expect("220 ready\r\n"u8);
    }

    [Fact]
    public void Passes_the_end_of_the_clients_direction_on_and_carries_the_other()
    {
        using var relay = new RelayFixture();
        using Peer client = relay.Connect(), server = relay.Accept();

        client.Send("all"u8);
        client.EndSending();
        server.Expect("all"u8);
        server.ExpectEnd();
        for (int i = 0; i < 10; i++)
        {
            server.Send("late"u8);
            client.Expect("late"u8);
        }
        server.EndSending();
        client.ExpectEnd();

        relay.AwaitEnded(RelayEnd.ClientClosed);
        Assert.Equal(3, relay.Listener.Counters.BytesFromClients);
        Assert.Equal(40, relay.Listener.Counters.BytesToClients);
    }

    [Fact]
    public void Passes_the_end_of_the_servers_direction_on_and_carries_the_other()
    {
        using var relay = new RelayFixture();
        using Peer client = relay.Connect(), server = relay.Accept();

        server.EndSending();
        client.ExpectEnd();
        client.Send("still"u8);
        server.Expect("still"u8);
        client.EndSending();
        server.ExpectEnd();

        relay.AwaitEnded(RelayEnd.ServerClosed);
    }

    [Fact]
    public void Delivers_everything_that_was_sent_before_a_close()
    {
        using var relay = new RelayFixture();
        using Peer client = relay.Connect();
        byte[] bytes = Numbered(3 << 20);
        using (Peer server = relay.Accept()) server.Send(bytes);

        Assert.Equal(bytes, client.Receive(bytes.Length));
        client.ExpectEnd();
    }

    [Fact]
    public void Passes_a_clients_reset_on_as_a_reset()
    {
        using var relay = new RelayFixture();
        using Peer client = relay.Connect(), server = relay.Accept();

        client.Reset();

        server.ExpectReset();
        relay.AwaitEnded(RelayEnd.ClientReset);
    }

    [Fact]
    public void Passes_a_servers_reset_on_as_a_reset()
    {
        using var relay = new RelayFixture();
        using Peer client = relay.Connect(), server = relay.Accept();
        client.Send("x"u8);
        server.Expect("x"u8); // the relay knows by now that it is connected

        server.Reset();

        client.ExpectReset();
        relay.AwaitEnded(RelayEnd.ServerReset);
    }

    [Fact]
    public void Passes_a_reset_on_also_while_the_other_side_reads_nothing()
    {
        using var relay = new RelayFixture();
        using Peer client = relay.Connect(), server = relay.Accept();
        Fill(relay, server);

        server.Reset();

        relay.AwaitEnded(RelayEnd.ServerReset);
        Assert.Throws<SocketException>(() =>
        {
            while (client.Socket.Receive(new byte[1 << 16]) > 0) { }
        });
    }

    [Fact]
    public void Ends_those_at_a_lost_address_on_both_sides_and_carries_the_others()
    {
        using var relay = new RelayFixture();
        IPEndPoint other = relay.OnLoop(() => relay.Listener.Listen(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0)));
        using Peer lost = relay.Connect(), lostServer = relay.Accept();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(other);
        using Peer kept = new(socket), keptServer = relay.Accept();
        using Peer lostToo = relay.Connect(), lostTooServer = relay.Accept();

        relay.OnLoop(() =>
        {
            relay.Listener.EndAt([IPAddress.Loopback, IPAddress.IPv6Loopback]);
            return true;
        });

        foreach (Peer ended in new[] { lost, lostServer, lostToo, lostTooServer }) ended.ExpectReset();
        Assert.Equal(2, relay.OnLoop(() => relay.Listener.Counters.Ended(RelayEnd.ServiceLost)));
        kept.Send("goes on"u8);
        keptServer.Expect("goes on"u8);
    }

    [Fact]
    public void Keeps_a_fixed_amount_for_a_client_that_does_not_read()
    {
        using var relay = new RelayFixture();
        using Peer client = relay.Connect(), server = relay.Accept();

        long sent = Fill(relay, server);

        Assert.InRange(relay.OnLoop(() => relay.Listener.Memory.Pool.LentBytes), 1, ConnectionMemory.LargestReadBytes);
        long received = 0;
        var buffer = new byte[1 << 16];
        server.Socket.Blocking = true;
        server.EndSending();
        while (client.Socket.Receive(buffer) is > 0 and int count)
        {
            for (int i = 0; i < count; i++) Assert.Equal(FillByte(received + i), buffer[i]);
            received += count;
        }
        Assert.Equal(sent, received);
        Assert.Equal(0, relay.OnLoop(() => relay.Listener.Memory.Pool.LentBytes));
    }

    [Fact]
    public async Task Carries_a_thousand_connections_at_once()
    {
        const int connections = 1000;
        using var relay = new RelayFixture();
        Task serving = Task.Run(async () =>
        {
            var echoes = new List<Task>();
            for (int i = 0; i < connections; i++) echoes.Add(EchoAsync(await relay.Servers[0].AcceptAsync()));
            await Task.WhenAll(echoes);
        });
        var clients = new List<Socket>();
        for (int i = 0; i < connections; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(relay.EndPoint);
            clients.Add(socket);
        }
        await Task.WhenAll(clients.Select(async (socket, index) =>
        {
            byte[] question = Numbered(4096 + index);
            await socket.SendAsync(question);
            socket.Shutdown(SocketShutdown.Send);
            var answer = new MemoryStream();
            var buffer = new byte[8192];
            while (await socket.ReceiveAsync(buffer) is > 0 and int count) answer.Write(buffer, 0, count);
            Assert.Equal(question, answer.ToArray());
        })).WaitAsync(TimeSpan.FromSeconds(60));

        await serving.WaitAsync(TimeSpan.FromSeconds(20));
        relay.AwaitEnded(RelayEnd.ClientClosed, connections);
        Assert.Equal(0, relay.OnLoop(() => relay.Pool.Servers[0].Connections));
        clients.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public void Allocates_nothing_while_it_carries()
    {
        using var relay = new RelayFixture();
        using Peer client = relay.Connect(), server = relay.Accept();
        var message = new byte[1000];
        var buffer = new byte[1000];
        void PingPong(int times)
        {
            for (int i = 0; i < times; i++)
            {
                client.Socket.Send(message);
                for (int got = 0; got < message.Length;) got += server.Socket.Receive(buffer.AsSpan(got));
                server.Socket.Send(message);
                for (int got = 0; got < message.Length;) got += client.Socket.Receive(buffer.AsSpan(got));
            }
        }
        PingPong(200);

        const int questions = 1000; // what asking itself may cost: less than one byte for each of 2000 wake-ups
        Assert.InRange(Allocated.Least(() => PingPong(1000), () => relay.OnLoop(GC.GetAllocatedBytesForCurrentThread)), 0, questions);
    }

    // Sends until neither the relay nor the kernel takes any more.
    private static long Fill(RelayFixture relay, Peer server)
    {
        var chunk = new byte[1 << 16];
        long sent = 0;
        server.Socket.Blocking = false;
        while (true)
        {
            for (int i = 0; i < chunk.Length; i++) chunk[i] = FillByte(sent + i);
            int taken = server.Socket.Send(chunk, SocketFlags.None, out SocketError error);
            if (error == SocketError.Success)
            {
                sent += taken;
                continue;
            }
            Assert.Equal(SocketError.WouldBlock, error);
            if (!server.Socket.Poll(TimeSpan.FromMilliseconds(200), SelectMode.SelectWrite)) return sent;
        }
    }

    private static byte FillByte(long position) => (byte)(position * 7 >> 3);

    private static byte[] Numbered(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static async Task EchoAsync(Socket socket)
    {
        using (socket)
        {
            var buffer = new byte[8192];
            while (await socket.ReceiveAsync(buffer) is > 0 and int count)
            {
                for (int sent = 0; sent < count;) sent += await socket.SendAsync(buffer.AsMemory(sent, count - sent));
            }
            socket.Shutdown(SocketShutdown.Send);
        }
    }
}
