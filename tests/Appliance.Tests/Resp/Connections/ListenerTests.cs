using System.Net;
using System.Text;
using Appliance.Listeners;
using Appliance.Listeners.Resp;
using Appliance.Listeners.Resp.Connections;
using Appliance.Listeners.Resp.Protocol;
using Appliance.Multicast.Transport;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.Resp.Connections;

public sealed class A_listener
{
    [Fact]
    public void Answers_a_pipeline_in_order()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        StringBuilder commands = new(), replies = new();
        for (int i = 0; i < 5000; i++)
        {
            commands.Append($"*3\r\n$3\r\nSET\r\n$4\r\nk{i % 1000:000}\r\n$4\r\n{i:0000}\r\n*2\r\n$3\r\nGET\r\n$4\r\nk{i % 1000:000}\r\n");
            replies.Append($"+OK\r\n$4\r\n{i:0000}\r\n");
        }
        client.Send(commands.ToString());
        client.Expect(replies.ToString());
        Assert.Equal(10_000, server.Counters.Commands);
    }

    [Fact]
    public void Answers_however_the_bytes_arrive()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        byte[] command = Encoding.ASCII.GetBytes("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n");
        for (int cut = 1; cut < command.Length; cut++)
        {
            client.Send(command.AsSpan(0, cut));
            server.Await(() => server.Counters.BytesReceived % command.Length == cut % command.Length, "the first part");
            client.Send(command.AsSpan(cut));
            client.Expect("+OK\r\n$5\r\nhello\r\n+PONG\r\n");
        }
        Assert.Equal(0, server.LentBytes);
    }

    [Fact]
    public void Takes_large_values_and_gives_their_memory_back()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        string value = new('v', 512 * 1024);
        string set = $"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${value.Length}\r\n{value}\r\n";
        for (int i = 0; i < 3; i++)
        {
            client.Send(set + "GET k\r\n" + set);
            client.Expect($"+OK\r\n${value.Length}\r\n{value}\r\n+OK\r\n");
        }
        Assert.Equal(0, server.LentBytes);
        client.Send($"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${value.Length + 1}\r\n{value}x\r\nPING\r\n");
        client.Expect("-ERR value is larger than the limit of this service\r\n+PONG\r\n");
    }

    [Fact]
    public void Tells_what_was_wrong_and_closes()
    {
        using RespServerFixture server = new();
        foreach ((string input, string reply, RespParseStatus reason) in new[]
        {
            ("PING\r\n*1\r\nX", "+PONG\r\n-ERR Protocol error: expected '$', got 'X'\r\n", RespParseStatus.ExpectedDollar),
            ("*99999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n", RespParseStatus.InvalidMultibulkLength),
            ("*1\r\n$99999999\r\n", "-ERR Protocol error: invalid bulk length\r\n", RespParseStatus.InvalidBulkLength),
            ("GET \"\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n", RespParseStatus.UnbalancedQuotes),
        })
        {
            using RespTestClient client = server.Connect();
            client.Send(input);
            client.Expect(reply);
            client.ExpectEnd();
            Assert.Equal(1, server.Counters.ProtocolErrors(reason));
        }
    }

    [Fact]
    public void Closes_after_QUIT_and_ignores_what_follows()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        client.Send("PING\r\nQUIT\r\nSET k v\r\n");
        client.Expect("+PONG\r\n+OK\r\n");
        client.ExpectEnd();
        using RespTestClient other = server.Connect();
        Assert.Equal(":0\r\n", other.Ask("EXISTS k"));
    }

    [Fact]
    public void Refuses_one_client_too_many()
    {
        using RespServerFixture server = new(new RespOptions { MaxClients = 2 });
        using RespTestClient first = server.Connect();
        using RespTestClient second = server.Connect();
        first.Ask("PING");
        second.Ask("PING");
        using (RespTestClient third = server.Connect())
        {
            third.Expect("-ERR max number of clients reached\r\n");
            third.ExpectEnd();
        }
        Assert.Equal(1, server.Counters.ConnectionsRefused);
        second.Dispose();
        server.Await(() => server.Counters.ConnectedClients == 1, "the second client's end");
        using RespTestClient fourth = server.Connect();
        Assert.Equal("+PONG\r\n", fourth.Ask("PING"));
    }

    [Fact]
    public async Task Stops_reading_a_client_that_does_not_read()
    {
        using RespServerFixture server = new(new RespOptions { OutputPauseBytes = 64 * 1024 });
        using RespTestClient greedy = server.Connect();
        using RespTestClient modest = server.Connect();
        string value = new('v', 10_000);
        modest.Ask($"SET k {value}");
        const int asked = 2000;
        Task sending = Task.Run(() => greedy.Send(string.Concat(Enumerable.Repeat("GET k\r\n", asked))));
        server.Await(() => server.Counters.OutputPauses > 0, "a pause");
        Assert.Equal("+PONG\r\n", modest.Ask("PING"));
        Assert.True(server.LentBytes < 1 << 20, "what waits for a client is bounded");
        for (int i = 0; i < asked; i++) greedy.Expect($"$10000\r\n{value}\r\n");
        await sending;
        Assert.Equal("+PONG\r\n", greedy.Ask("PING"));
        Assert.Equal(0, server.LentBytes);
    }

    [Fact]
    public void Closes_a_client_for_which_no_buffer_is_left()
    {
        RespOptions options = new() { MaxBufferBytes = 2 << 20, MaxCommandBytes = 1 << 20, MaxReplyBytes = 1 << 20 };
        using RespServerFixture server = new(options);
        List<RespTestClient> clients = [];
        for (int i = 0; i < 8; i++)
        {
            RespTestClient client = server.Connect();
            client.Send($"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$524288\r\n{new string('v', 400_000)}");
            clients.Add(client);
        }
        server.Await(() => server.Counters.BuffersExhausted > 0, "a client for which no buffer is left");
        server.Await(() => server.Counters.ConnectedClients < 8, "its end");
        foreach (RespTestClient client in clients) client.Dispose();
        server.Await(() => server.Counters.ConnectedClients == 0, "the end of all");
        Assert.Equal(0, server.LentBytes);
    }

    [Fact]
    public async Task Serves_the_others_while_one_sends_without_pause()
    {
        using RespServerFixture server = new();
        using RespTestClient flood = server.Connect();
        using RespTestClient modest = server.Connect();
        byte[] batch = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("*1\r\n$4\r\nPING\r\n", 5000)));
        using CancellationTokenSource end = new();
        Task sending = Task.Run(() =>
        {
            while (!end.IsCancellationRequested) flood.Send(batch);
        });
        Task reading = Task.Run(() =>
        {
            byte[] buffer = new byte[1 << 16];
            while (flood.Socket.Receive(buffer) > 0) { }
        });
        for (int i = 0; i < 200; i++) Assert.Equal("+PONG\r\n", modest.Ask("PING"));
        await end.CancelAsync();
        await sending;
        flood.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        await reading;
    }

    [Fact]
    public void Answers_what_was_sent_before_the_client_closed_its_side()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        client.Send("SET k v\r\nGET k\r\nGET");
        client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        client.Expect("+OK\r\n$1\r\nv\r\n");
        client.ExpectEnd();
    }

    [Fact]
    public void Closes_idle_clients_when_asked_to()
    {
        using RespServerFixture server = new(new RespOptions { IdleTimeout = TimeSpan.FromMilliseconds(200) });
        using RespTestClient client = server.Connect();
        client.Ask("PING");
        client.ExpectEnd();
        server.Await(() => server.Counters.IdleClosed == 1, "the count");
    }

    [Fact]
    public void Listens_on_an_address_that_does_not_exist_yet_and_never_on_all()
    {
        using RespHarness harness = new();
        using EventLoop loop = new();
        using RespListener listener = new(loop, harness.Store, new RespOptions());
        Assert.Equal(IPAddress.Parse("192.0.2.77"), listener.Listen(new IPEndPoint(IPAddress.Parse("192.0.2.77"), 0)).Address);
        Assert.Equal(IPAddress.Parse("2001:db8::77"), listener.Listen(new IPEndPoint(IPAddress.Parse("2001:db8::77"), 0)).Address);
        Assert.Throws<ArgumentException>(() => listener.Listen(new IPEndPoint(IPAddress.Any, 6379)));
        IPEndPoint taken = listener.Listen(new IPEndPoint(IPAddress.Loopback, 0));
        IOException error = Assert.Throws<IOException>(() => listener.Listen(taken));
        Assert.Contains("another program listens there", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Serves_IPv6()
    {
        using RespServerFixture server = new(address: IPAddress.IPv6Loopback);
        using RespTestClient client = server.Connect();
        Assert.Equal("+PONG\r\n", client.Ask("PING"));
        Assert.Equal(IPAddress.IPv6Loopback, server.EndPoint.Address);
    }

    [Fact]
    public void Allocates_nothing_for_commands_in_steady_state()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        byte[] batch = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 100)));
        byte[] replies = new byte[100 * 16];
        Exchange(200);
        Assert.InRange(Allocated.Least(() => Exchange(200), () => server.OnLoop(GC.GetAllocatedBytesForCurrentThread)), 0, 4096); // the measurement itself posts an action
        void Exchange(int rounds)
        {
            for (int i = 0; i < rounds; i++)
            {
                client.Socket.Send(batch);
                for (int received = 0; received < replies.Length;) received += client.Socket.Receive(replies.AsSpan(received));
            }
        }
    }
}

public sealed class The_buffer_pool
{
    [Fact]
    public void Lends_powers_of_two_up_to_its_limit_and_reuses_them()
    {
        using NativeBufferPool pool = new(maxLentBytes: 10_000, maxKeptBytes: 5_000);
        Assert.True(pool.TryRent(1, out NativeBlock small));
        Assert.Equal(1024, small.Capacity);
        Assert.True(pool.TryRent(1025, out NativeBlock middle));
        Assert.Equal(2048, middle.Capacity);
        Assert.True(pool.TryRent(4096, out NativeBlock large));
        Assert.Equal(4096, large.Capacity);
        Assert.False(pool.TryRent(4096, out _));
        pool.Return(ref large);
        Assert.True(large.IsNone);
        Assert.Equal(4096, pool.KeptBytes);
        pool.Return(ref middle);
        Assert.Equal(4096, pool.KeptBytes);
        pool.Return(ref small);
        Assert.Equal((0, 4096), (pool.LentBytes, pool.KeptBytes));
        Assert.True(pool.TryRent(3000, out large));
        Assert.Equal((4096, 0), (pool.LentBytes, pool.KeptBytes));
        pool.Return(ref large);
    }
}
