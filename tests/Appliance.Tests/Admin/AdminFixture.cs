using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Appliance.Admin;
using Appliance.Cluster.Failover;
using Appliance.Configuration;
using Appliance.Tests.Shared;
using Microsoft.Extensions.Logging.Abstractions;

namespace Appliance.Tests.Admin;

/// <summary>An admin page over a source of canned answers, on a unix socket and by TCP on both loopback addresses, asked with curl.</summary>
internal sealed class AdminFixture : IAdminSource, IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private AdminServer? _server;

    private AdminFixture()
    {
        Socket = _directory.File("admin.sock");
        EndPoints = [FreePort(IPAddress.Loopback), FreePort(IPAddress.IPv6Loopback)];
    }

    internal string Socket { get; }

    internal IReadOnlyList<IPEndPoint> EndPoints { get; }

    /// <summary>How often it was told to reload.</summary>
    internal int Reloads { get; private set; }

    /// <summary>The loop does not answer.</summary>
    internal bool Hangs { get; set; }

    /// <summary>By service; what is not here is unknown.</summary>
    internal Dictionary<string, PrimaryReport> Primaries { get; } = [];

    internal static async Task<AdminFixture> StartAsync()
    {
        var fixture = new AdminFixture();
        fixture._server = await AdminServer.StartAsync(new AdminOptions { Socket = fixture.Socket, Listen = fixture.EndPoints }, fixture, NullLoggerFactory.Instance);
        return fixture;
    }

    /// <summary>Status code and text of the answer.</summary>
    /// <param name="endPoint">By TCP; null: the unix socket.</param>
    /// <param name="path">With its slash.</param>
    /// <param name="options">More of curl's.</param>
    internal async Task<(int Status, string Text)> CurlAsync(IPEndPoint? endPoint, string path, params string[] options)
    {
        string[] target = endPoint is null ? ["--unix-socket", Socket, $"http://node{path}"] : [$"http://{endPoint}{path}"];
        string[] arguments = ["-s", "-g", "--noproxy", "*", "--max-time", "20", "-w", "\n%{http_code}", .. options, .. target];
        using Process process = Process.Start(new ProcessStartInfo("curl", arguments) { RedirectStandardOutput = true })!;
        string text = await process.StandardOutput.ReadToEndAsync();
        int end = text.LastIndexOf('\n');
        return (int.Parse(text[(end + 1)..]), text[..end]);
    }

    public Task<NodeStatus> GetStatusAsync() => Answer(() => Statuses.Sample);

    public Task<string> GetMetricsAsync() => Answer(static () => "appliance_info 1\n");

    public Task<RecordReport?> GetRecordAsync(string? service, byte[] key) => Answer(static () => (RecordReport?)new RecordReport("shop", true, "{\"value\":\"secret\"}"));

    public Task<PrimaryReport?> GetPrimaryAsync(string service) => Answer(() => Primaries.GetValueOrDefault(service));

    public Task<string?> PromoteAsync(string service, string node) => Task.FromResult<string?>(service == "demo" ? null : $"there is no service '{service}'");

    public Task<string?> DrainAsync(string node, bool drained) => Task.FromResult<string?>(null);

    public Task<string?> AcceptLossAsync(string service) => Task.FromResult<string?>(service == "demo" ? null : $"there is no service '{service}'");

    public Task<DrainReport?> DrainServerAsync(string server, bool draining) => Answer(() => server == "web/10.0.1.1:80" ? new DrainReport(server, draining, 3) : null);

    public Task<MembershipReport> GetMembersAsync() => Answer(static () => new MembershipReport(4, 2, "a", [new("a", "data", "10.77.0.1"), new("w", "witness", null)]));

    public Task<string?> ChangeMembersAsync(string member, bool add) => Task.FromResult<string?>(add && member == "b=10.77.0.2" ? null : $"'{member}' is no member");

    public Task<string?> RotateTicketKeysAsync(string service) => Task.FromResult<string?>(service == "demo" ? null : "no listener here uses tickets");

    public Task<ReloadReport> ReloadAsync()
    {
        Reloads++;
        return Answer(static () => new ReloadReport([], [], []));
    }

    public async ValueTask DisposeAsync()
    {
        await _server!.DisposeAsync();
        _directory.Dispose();
    }

    private Task<T> Answer<T>(Func<T> answer) => Hangs ? Task.FromException<T>(new TimeoutException("the node's loop has not answered for 1000 ms")) : Task.FromResult(answer());

    private static IPEndPoint FreePort(IPAddress address)
    {
        using var listener = new TcpListener(address, 0);
        listener.Start();
        return (IPEndPoint)listener.LocalEndpoint;
    }
}
