using Appliance.State;

namespace Appliance.Tests.Appliance.Resp.Connections;

[Trait("Demand", "A14")]
public sealed class A_reply_that_depends_on_a_pending_write
{
    private const string Unknown = "-UNKNOWN outcome: the write was published but not acknowledged in time; it may or may not survive\r\n";

    [Fact]
    public void Leaves_when_the_write_is_acknowledged_and_not_before()
    {
        using RespServerFixture server = new();
        using RespTestClient writer = server.Connect(), reader = server.Connect(), other = server.Connect();
        other.Ask("SET other v");
        server.OnLoop(server.Store.HoldAcknowledgements);
        writer.Send("PING\r\nSET k v\r\nPING\r\nGET other\r\n");
        writer.Expect("+PONG\r\n");
        server.Await(() => server.Counters.GatedReplies == 1, "the gated reply");
        reader.Send("GET k\r\n");
        server.Await(() => server.Counters.GatedReplies == 2, "the gated read");
        Assert.Equal("$1\r\n", other.Ask("GET other"));
        writer.ExpectNothingYet();
        reader.ExpectNothingYet();
        server.OnLoop(server.Store.Resolve);
        writer.Expect("+OK\r\n+PONG\r\n$1\r\nv\r\n");
        reader.Expect("$1\r\nv\r\n");
        Assert.Equal(0, server.LentBytes);
    }

    [Fact]
    public void Leaves_in_order_as_acknowledgements_come()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        server.OnLoop(server.Store.HoldAcknowledgements);
        ulong before = server.OnLoop(() => server.Store.LastTicket);
        client.Send("SET a 1\r\nSET b 2\r\nINCR a\r\nPING\r\n");
        server.Await(() => server.Counters.GatedReplies == 3, "three gated replies");
        server.OnLoop(() => server.Store.ResolveThrough(before + 1));
        client.Expect("+OK\r\n");
        server.OnLoop(() => server.Store.ResolveThrough(before + 2));
        client.Expect("+OK\r\n");
        client.ExpectNothingYet();
        server.OnLoop(server.Store.Resolve);
        client.Expect(":2\r\n+PONG\r\n");
    }

    [Fact]
    public void Becomes_an_unknown_outcome_when_its_time_is_over()
    {
        using RespServerFixture server = new(prepare: store => store.AcknowledgementTimeout = TimeSpan.FromMilliseconds(100));
        using RespTestClient client = server.Connect();
        server.OnLoop(server.Store.HoldAcknowledgements);
        client.Send("ECHO a\r\nSET a 1\r\nECHO b\r\nGET a\r\nECHO c\r\n");
        client.Expect("$1\r\na\r\n" + Unknown + "$1\r\nb\r\n" + Unknown + "$1\r\nc\r\n");
        Assert.Equal(2, server.Counters.OutcomesUnknown);
        server.OnLoop(server.Store.Resolve);
        client.Send("GET a\r\n");
        client.Expect("$1\r\n1\r\n");
    }

    [Fact]
    public void Becomes_an_unknown_outcome_when_this_node_is_no_longer_the_primary()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        server.OnLoop(server.Store.HoldAcknowledgements);
        client.Send("SET a 1\r\nPING\r\n");
        server.Await(() => server.Counters.GatedReplies == 1, "the gated reply");
        server.OnLoop(() => server.Store.ChangeRole(WriteRefusal.NotPrimary));
        client.Expect(Unknown + "+PONG\r\n");
        Assert.StartsWith("-READONLY", client.Ask("SET a 2"), StringComparison.Ordinal);
    }

    [Fact]
    public void Becomes_an_unknown_outcome_although_this_node_is_the_primary_again_in_the_same_round()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect(), waiting = server.Connect();
        server.OnLoop(server.Store.HoldAcknowledgements);
        client.Send("SET a 1\r\nPING\r\n");
        waiting.Send("WAIT 2 0\r\n");
        server.Await(() => server.Counters.GatedReplies == 1 && server.Store.Requests == 1, "the gated reply and the request");
        server.OnLoop(() =>
        {
            server.Store.ChangeRole(WriteRefusal.NotPrimary);
            server.Store.ChangeRole(WriteRefusal.None);
            server.Store.Resolve(); // a later term's
        });
        client.Expect(Unknown + "+PONG\r\n");
        waiting.Expect("-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n");
        Assert.Equal("+PONG\r\n", client.Ask("PING"));
    }

    [Fact]
    public void Leaves_although_the_client_has_closed_its_side()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        server.OnLoop(server.Store.HoldAcknowledgements);
        client.Send("SET a 1\r\n");
        client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        server.Await(() => server.Counters.GatedReplies == 1, "the gated reply");
        server.OnLoop(server.Store.Resolve);
        client.Expect("+OK\r\n");
        client.ExpectEnd();
    }

    [Fact]
    public void Counts_against_the_pipeline_limit()
    {
        using RespServerFixture server = new(new() { MaxPendingReplies = 10 });
        using RespTestClient client = server.Connect(), other = server.Connect();
        server.OnLoop(server.Store.HoldAcknowledgements);
        client.Send(string.Concat(Enumerable.Repeat("INCR n\r\n", 25)));
        server.Await(() => server.Counters.GatedReplies == 10, "ten gated replies");
        other.Ask("PING");
        Assert.Equal(10, server.Counters.GatedReplies);
        server.OnLoop(server.Store.Resolve);
        server.Await(() => server.Counters.GatedReplies == 20, "the next ten");
        server.OnLoop(server.Store.Resolve);
        server.Await(() => server.Counters.GatedReplies == 25, "the rest");
        server.OnLoop(server.Store.Resolve);
        client.Expect(string.Concat(Enumerable.Range(1, 25).Select(number => $":{number}\r\n")));
    }

    [Fact]
    public void Is_forgotten_when_its_client_is_gone()
    {
        using RespServerFixture server = new();
        RespTestClient client = server.Connect();
        server.OnLoop(server.Store.HoldAcknowledgements);
        client.Send("SET a 1\r\n");
        server.Await(() => server.Counters.GatedReplies == 1, "the gated reply");
        client.Socket.LingerState = new(true, 0);
        client.Dispose();
        server.Await(() => server.Counters.ConnectedClients == 0, "the end");
        server.OnLoop(server.Store.Resolve);
        Assert.Equal(0, server.LentBytes);
    }
}

public sealed class A_full_window
{
    [Fact]
    public void Stops_a_writing_client_until_it_opens()
    {
        using RespServerFixture server = new();
        using RespTestClient writer = server.Connect(), reader = server.Connect();
        server.OnLoop(() => server.Store.Refusal = WriteRefusal.Busy);
        writer.Send("PING\r\nSET a 1\r\nPING\r\nSET b 1\r\n");
        writer.Expect("+PONG\r\n");
        server.Await(() => server.Counters.BusyPauses == 1, "the pause");
        Assert.Equal("$-1\r\n", reader.Ask("GET a"));
        writer.ExpectNothingYet();
        server.OnLoop(server.Store.OpenWindow);
        writer.Expect("+OK\r\n+PONG\r\n+OK\r\n");
    }

    [Fact]
    public void Refuses_the_write_when_it_stays_full()
    {
        using RespServerFixture server = new(prepare: store => store.AcknowledgementTimeout = TimeSpan.FromMilliseconds(100));
        using RespTestClient client = server.Connect();
        server.OnLoop(() => server.Store.Refusal = WriteRefusal.Busy);
        client.Send("SET a 1\r\nPING\r\nMULTI\r\nSET b 1\r\nEXEC\r\n");
        client.Expect("-TRYAGAIN the group's window is full; nothing was done\r\n+PONG\r\n+OK\r\n+QUEUED\r\n"
            + "-EXECABORT Transaction discarded because of: TRYAGAIN the group's window is full; nothing was done\r\n");
        Assert.Equal(2, server.Counters.BusyRefusals);
    }
}

public sealed class Waiting_for_acknowledgements
{
    [Fact]
    public void Ends_when_enough_members_have_them_and_blocks_what_follows()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        client.Send("SET a 1\r\nWAIT 2 0\r\nPING\r\n");
        client.Expect("+OK\r\n");
        server.Await(() => server.Store.Requests == 1, "the request");
        server.OnLoop(() => server.Store.Acknowledged = 1);
        client.ExpectNothingYet();
        server.OnLoop(() => server.Store.Acknowledged = 2);
        client.Expect(":2\r\n+PONG\r\n");
    }

    [Fact]
    public void Ends_at_its_deadline_with_the_count_reached()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        server.OnLoop(() => server.Store.Acknowledged = 1);
        client.Send("WAIT 2 50\r\nWAIT 2 50\r\nWAIT 1 0\r\n");
        client.Expect(":1\r\n:1\r\n:1\r\n");
    }

    [Fact]
    public void Ends_when_the_role_changes()
    {
        using RespServerFixture server = new();
        using RespTestClient client = server.Connect();
        client.Send("WAIT 2 0\r\n");
        server.Await(() => server.Store.Requests == 1, "the request");
        server.OnLoop(() => server.Store.ChangeRole(WriteRefusal.NotPrimary));
        client.Expect("-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n");
    }

    [Fact]
    public void Ends_with_its_client()
    {
        using RespServerFixture server = new();
        RespTestClient client = server.Connect();
        client.Send("WAIT 2 0\r\n");
        server.Await(() => server.Store.Requests == 1, "the request");
        client.Dispose();
        server.Await(() => server.Counters.ConnectedClients == 0, "the end");
    }
}
