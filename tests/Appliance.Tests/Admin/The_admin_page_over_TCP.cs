using System.Net;
using System.Net.Sockets;
using System.Text;
using Appliance.Admin;
using Appliance.Tests.Host;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Admin;

/// <summary>[admin] listen: shows how the node is, shows no state, changes nothing, and never locks the operator out.</summary>
public sealed class The_admin_page_over_TCP
{
    [ProgramFact("curl")]
    public async Task Answers_over_IPv4_and_IPv6_what_is_for_reading()
    {
        await using AdminFixture node = await AdminFixture.StartAsync();
        node.Primaries.Add("shop", new PrimaryReport(true, "a"));
        foreach (IPEndPoint endPoint in node.EndPoints)
        {
            Assert.Contains("\"id\":\"a\"", (await node.CurlAsync(endPoint, "/status")).Text, StringComparison.Ordinal);
            Assert.Equal((200, "appliance_info 1\n"), await node.CurlAsync(endPoint, "/metrics"));
            Assert.Equal((200, "ok\n"), await node.CurlAsync(endPoint, "/healthz"));
            Assert.Equal(200, (await node.CurlAsync(endPoint, "/primary/shop")).Status);
        }
    }

    [ProgramFact("curl")]
    public async Task Refuses_everything_else()
    {
        await using AdminFixture node = await AdminFixture.StartAsync();
        foreach ((string path, string[] options) in new (string, string[])[]
        {
            ("/reload", ["-X", "POST"]), ("/RELOAD", ["-X", "POST"]), ("/status/../reload", ["-X", "POST", "--path-as-is"]), ("//reload", ["-X", "POST", "--path-as-is"]),
            ("/record?key=cart:1", []), ("/Record?key=cart:1", []), ("/promote", ["-X", "POST"]), ("/accept-loss", ["-X", "POST"]), ("/keys", []), ("/", []),
        })
        {
            (int status, string text) = await node.CurlAsync(node.EndPoints[0], path, options);
            Assert.Equal((403, "this is answered on the unix socket only\n"), (status, text));
        }
        Assert.Equal(405, (await node.CurlAsync(node.EndPoints[0], "/status", "-X", "POST")).Status);
        Assert.Equal(404, (await node.CurlAsync(node.EndPoints[0], "/status/reload")).Status);
        Assert.Equal(0, node.Reloads);

        Assert.Equal(200, (await node.CurlAsync(null, "/reload", "-X", "POST")).Status);
        Assert.Equal((200, "{\"value\":\"secret\"}"), await node.CurlAsync(null, "/record?key=cart:1"));
        Assert.Equal(1, node.Reloads);
    }

    [ProgramFact("curl")]
    public async Task Tells_a_load_balancer_where_the_primary_is()
    {
        await using AdminFixture node = await AdminFixture.StartAsync();
        node.Primaries.Add("here", new PrimaryReport(true, "a"));
        node.Primaries.Add("there", new PrimaryReport(false, "b"));
        node.Primaries.Add("nowhere", new PrimaryReport(false, null));

        Assert.Equal((200, "this node is the primary of here\n"), await node.CurlAsync(node.EndPoints[0], "/primary/here"));
        Assert.Equal((503, "the primary of there is b, and this node does not serve it\n"), await node.CurlAsync(node.EndPoints[0], "/primary/there"));
        Assert.Equal((503, "no primary of nowhere is known here\n"), await node.CurlAsync(node.EndPoints[0], "/primary/nowhere"));
        Assert.Equal((404, "there is no service 'unknown' here\n"), await node.CurlAsync(node.EndPoints[0], "/primary/unknown"));
        node.Hangs = true;
        foreach (string path in new[] { "/primary/here", "/healthz", "/status", "/metrics" }) Assert.Equal(503, (await node.CurlAsync(node.EndPoints[0], path)).Status);
    }

    [ProgramFact("curl")]
    public async Task Takes_no_large_requests()
    {
        await using AdminFixture node = await AdminFixture.StartAsync();
        Assert.Equal(413, (await node.CurlAsync(null, "/reload", "-d", "something")).Status);
        Assert.Equal(431, (await node.CurlAsync(node.EndPoints[0], "/status", "-H", $"X-Long: {new string('x', 20_000)}")).Status);
        Assert.Equal(414, (await node.CurlAsync(node.EndPoints[0], $"/primary/{new string('x', 10_000)}")).Status);
        Assert.Equal(0, node.Reloads);
    }

    [ProgramFact("curl")]
    public async Task Leaves_the_operator_a_place_however_many_come_by_TCP()
    {
        await using AdminFixture node = await AdminFixture.StartAsync();
        var held = new List<TcpClient>();
        try
        {
            for (int i = 0; i < AdminServer.MaxTcpConnections; i++) held.Add(await AskAndStayAsync(node.EndPoints[i % 2]));
            for (int i = 0; i < AdminServer.MaxConnections; i++)
            {
                var more = new TcpClient();
                held.Add(more);
                await more.ConnectAsync(node.EndPoints[0]);
            }
            Assert.Equal(0, (await node.CurlAsync(node.EndPoints[0], "/healthz")).Status);
            Assert.Equal((200, "ok\n"), await node.CurlAsync(null, "/healthz"));
        }
        finally
        {
            foreach (TcpClient client in held) client.Dispose();
        }
        Assert.True(SpinWait.SpinUntil(() => node.CurlAsync(node.EndPoints[0], "/healthz").Result.Status == 200, TimeSpan.FromSeconds(20)), "places are not given back");
    }

    [ProgramFact("curl")]
    public void A_real_node_is_the_primary_of_its_service()
    {
        using var node = new NodeProcess();
        node.AwaitServing();
        Assert.True(SpinWait.SpinUntil(() => node.Get("/primary/shop") == "this node is the primary of shop\n", TimeSpan.FromSeconds(20)));
        Assert.Equal("there is no service 'other' here\n", node.Get("/primary/other"));
        Assert.Equal(0, node.End());
    }

    /// <summary>A connection that was answered and stays open.</summary>
    private static async Task<TcpClient> AskAndStayAsync(IPEndPoint endPoint)
    {
        var client = new TcpClient(endPoint.AddressFamily);
        await client.ConnectAsync(endPoint);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n"));
        byte[] answer = new byte[12];
        await client.GetStream().ReadExactlyAsync(answer);
        Assert.Equal("HTTP/1.1 200", Encoding.ASCII.GetString(answer));
        return client;
    }
}
