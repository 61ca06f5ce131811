using System.Text;
using Appliance.Configuration;
using Appliance.Listeners;
using Appliance.Listeners.Http;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Http;

public sealed class Telling_servers_of_clients
{
    private const string Added = Requests.Added;

    [Fact]
    public void Each_request_of_a_connection_says_whom_it_is_for()
    {
        using var requests = new Requests();
        string chunked = "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n", plain = "PUT /c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n", get = "GET / HTTP/1.1\r\nHost: a\r\n";

        string passed = requests.Pass($"{get}\r\n{chunked}\r\n5\r\nGET /\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n{plain}\r\nGET /{get}\r\n");

        Assert.Equal($"{get}{Added}\r\n{chunked}{Added}\r\n5\r\nGET /\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n{plain}{Added}\r\nGET /{get}{Added}\r\n", passed);
        Assert.Equal(4, requests.Counters.Requests);
    }

    [Theory]
    [InlineData(Forwarded.Replace, "X-Forwarded-For: 10.0.0.1", "")]
    [InlineData(Forwarded.Replace, "x-fORWARDED-fOR:10.0.0.1\r\nX-Forwarded-For: 10.0.0.2", "")]
    [InlineData(Forwarded.Replace, "X_Forwarded_For: 10.0.0.1\r\nX-Forwarded_Proto: http", "")]
    [InlineData(Forwarded.Replace, "X-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nForwarded: for=10.0.0.1", "")]
    [InlineData(Forwarded.Replace, "X-Forwarder: a\r\nX-For: b", "X-Forwarder: a\r\nX-For: b\r\n")]
    [InlineData(Forwarded.Append, "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http", "X-Forwarded-For: 10.0.0.1\r\n")]
    [InlineData(Forwarded.Replace, "Connection: keep-alive, X-Forwarded-For ,close", "Connection:keep-alive,close\r\n")]
    [InlineData(Forwarded.Replace, "Connection: X-Forwarded-For", "")]
    [InlineData(Forwarded.Replace, "Connection: upgrade\r\nUpgrade: h2c", "")]
    public void What_clients_claim_is_taken_out(Forwarded forwarded, string claimed, string left)
    {
        using var requests = new Requests(forwarded);

        Assert.Equal($"GET / HTTP/1.1\r\nHost: a\r\n{left}Accept: */*\r\n{Added}\r\n", requests.Pass($"GET / HTTP/1.1\r\nHost: a\r\n{claimed}\r\nAccept: */*\r\n\r\n"));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n", 400)] // RFC 9112, 3.2
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400)] // 6.3
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1111111111111111111\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400)] // 6.1
    [InlineData("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", 400)] // 5.1
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n X-Forwarded-For: b\r\n\r\n", 400)] // 5.2
    [InlineData("GET / HTTP/1.1\r\nHost: a\nX-Forwarded-For: b\r\n\r\n", 400)] // 2.2
    [InlineData("GET / HTTP/1.1\r\nHost: a\rX-Forwarded-For: b\r\n\r\n", 400)]
    [InlineData("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 400)]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400)]
    [InlineData("GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n", 400)]
    [InlineData("GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400)]
    [InlineData("GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 400)]
    [InlineData("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400)]
    [InlineData("GET /\r\n\r\n", 400)]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)]
    [InlineData("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405)]
    public void What_two_programs_could_read_differently_is_refused(string head, int refusal)
    {
        using var requests = new Requests();

        Assert.Equal("", requests.Pass(head));

        Assert.Equal(refusal, (int)requests.Front.Refusal);
        Assert.StartsWith($"HTTP/1.1 {refusal} ", requests.Told, StringComparison.Ordinal);
        Assert.True(requests.Client.OutputEnded);
        Assert.Equal((0, 1), (requests.Counters.Requests, requests.Counters.RefusedRequests));
    }

    [Theory]
    [InlineData("G\r\n", "")]
    [InlineData("\r\n", "")]
    [InlineData("1\na\r\n", "1")]
    [InlineData("1\r\nabc", "1\r\na")]
    [InlineData("1;x\ny\r\na\r\n", "1")]
    [InlineData("1111111111111111\r\n", "111111111111111")]
    [InlineData("0\r\nX: y\n\r\n", "0\r\n")]
    [InlineData("0\r\n\rX", "0\r\n\r")]
    public void Malformed_chunks_end_the_connection(string body, string most)
    {
        using var requests = new Requests();

        string passed = requests.Pass($"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.EndsWith($"{Added}\r\n{most}", passed, StringComparison.Ordinal);
        Assert.Equal(HttpRefusal.BadRequest, requests.Front.Refusal);
        Assert.Equal("", requests.Told); // the server may be answering the first request
    }

    [Fact]
    public void Extensions_and_trailers_are_left_out()
    {
        using var requests = new Requests();

        string passed = requests.Pass("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3 ;a=\"b\"\r\nabc\r\n0;c\r\nX-Forwarded-For: b\r\nD: e\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal($"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n{Added}\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n{Added}\r\n", passed);
    }

    [Fact]
    public void A_head_may_be_as_long_as_configured()
    {
        string head = $"GET / HTTP/1.1\r\nHost: a\r\nA: {new string('x', 2000)}\r\n\r\n";
        using var enough = new Requests(maxHeadBytes: head.Length);
        using var less = new Requests(maxHeadBytes: head.Length - 1);
        using var endless = new Requests(maxHeadBytes: 4096);

        Assert.NotEqual("", enough.Pass(head, maxBytes: 1024)); // longer than what is received at once
        Assert.Equal("", less.Pass(head));
        Assert.Equal("", endless.Pass("GET / HTTP/1.1\r\n" + new string('x', 5000)));
        Assert.Equal((HttpRefusal.None, HttpRefusal.HeadTooLarge, HttpRefusal.HeadTooLarge), (enough.Front.Refusal, less.Front.Refusal, endless.Front.Refusal));
    }

    [Fact]
    public void Heads_that_do_not_end_take_no_more_memory_than_there_is_plenty_of()
    {
        using var requests = new Requests(memoryBytes: 1 << 20);
        Assert.True(requests.Memory.TryRentInput(256 << 10, out NativeBlock first));
        Assert.True(requests.Memory.TryRentInput(256 << 10, out NativeBlock second));

        Assert.Equal("", requests.Pass("GET / HTTP/1.1\r\n"));

        Assert.StartsWith("HTTP/1.1 503 ", requests.Told, StringComparison.Ordinal);
        requests.Memory.Pool.Return(ref first);
        requests.Memory.Pool.Return(ref second);
    }

    [Theory]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\r\n", true)]
    [InlineData("HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n", true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false)]
    [InlineData("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n", false)]
    public void Only_after_the_server_has_switched_bytes_are_no_requests(string answer, bool switches)
    {
        using var requests = new Requests();
        string head = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection:Upgrade\r\nUpgrade: websocket\r\n", next = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n";

        Assert.Equal($"{head}{Added}\r\n", requests.Pass($"{head}\r\n{next}"));
        Assert.False(requests.Front.IsReadable);
        foreach (byte one in Encoding.ASCII.GetBytes(answer)) requests.Front.Write([one]);

        Assert.Equal(switches ? next : $"GET / HTTP/1.1\r\nHost: a\r\n{Added}\r\n", requests.Pass(""));
        Assert.Equal(answer, requests.Told);
    }

    [Fact]
    public void A_later_request_may_not_switch()
    {
        using var requests = new Requests();
        requests.Pass("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal($"GET /chat HTTP/1.1\r\nHost: a\r\n{Added}\r\n", requests.Pass("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
    }

    [Fact]
    public void A_request_costs_no_memory_of_the_collector()
    {
        using var requests = new Requests();
        byte[] bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nX-Forwarded-For: b\r\n\r\n3\r\nabc\r\n0\r\n\r\n"u8.ToArray();
        for (int i = 0; i < 200; i++) Exchange();

        Assert.Equal(0, Allocated.Least(() =>
        {
            for (int i = 0; i < 1000; i++) Exchange();
        }));

        void Exchange()
        {
            requests.Client.Say(bytes);
            while (requests.Front.IsReadable && requests.Front.Receive(4096) > 0) { }
        }
    }
}
