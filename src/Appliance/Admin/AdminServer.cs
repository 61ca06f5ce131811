using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Appliance.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Appliance.Admin;

/// <summary>
/// The admin page: <c>/status</c>, <c>/healthz</c>, <c>/metrics</c> and <c>/primary/NAME</c>; on the unix socket also <c>/record</c> and <c>POST /reload</c>. The
/// socket's file mode says who may; TCP has no authentication, so it shows no state and changes nothing.
/// </summary>
internal sealed class AdminServer : IAsyncDisposable
{
    /// <summary>Scrapers and operators, not clients. Those that come by TCP never take the last places: the operator's socket answers beside any number of them.</summary>
    internal const int MaxConnections = 64, MaxTcpConnections = 48;

    private static readonly string[] OverTcp = ["/status", "/healthz", "/metrics", "/primary"];
    private const UnixFileMode SocketMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
    private readonly WebApplication _application;
    private readonly IAdminSource _source;
    private readonly string _socket;

    private AdminServer(WebApplication application, IAdminSource source, string socket)
    {
        _application = application;
        _source = source;
        _socket = socket;
    }

    /// <summary>Starts to answer.</summary>
    /// <exception cref="IOException">The socket is in use by a living process, or an address cannot be listened on.</exception>
    internal static async Task<AdminServer> StartAsync(AdminOptions options, IAdminSource source, ILoggerFactory loggers)
    {
        RemoveStaleSocket(options.Socket);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders().AddProvider(new ForwardingProvider(loggers)).SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Limit(kestrel, options));
        builder.Services.AddRouting();
        var server = new AdminServer(builder.Build(), source, options.Socket);
        server.Map();
        await server._application.StartAsync().ConfigureAwait(false);
        File.SetUnixFileMode(options.Socket, SocketMode);
        return server;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(1)); // a client that reads slowly must not hold up the end of the node
        await _application.StopAsync(deadline.Token).ConfigureAwait(false);
        await _application.DisposeAsync().ConfigureAwait(false);
        File.Delete(_socket);
    }

    private static void Limit(KestrelServerOptions kestrel, AdminOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.ConfigureEndpointDefaults(static endPoint => endPoint.Protocols = HttpProtocols.Http1);
        kestrel.Limits.MaxConcurrentConnections = MaxConnections;
        kestrel.Limits.MaxRequestBodySize = 0;
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 50;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(30); // a scraper that asks every 15 s keeps its connection
        kestrel.ListenUnixSocket(options.Socket);
        int open = 0;
        foreach (IPEndPoint endPoint in options.Listen)
        {
            kestrel.Listen(endPoint, listen => listen.Use(next => async connection =>
            {
                try
                {
                    if (Interlocked.Increment(ref open) <= MaxTcpConnections) await next(connection).ConfigureAwait(false);
                }
                finally
                {
                    Interlocked.Decrement(ref open);
                }
            }));
        }
    }

    private static void RemoveStaleSocket(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (!File.Exists(path)) return;
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            File.Delete(path); // left by a process that was killed
            return;
        }
        throw new IOException($"{path} is answered by another process");
    }

    private void Map()
    {
        _application.Use(static async (context, next) =>
        {
            bool isTcp = context.Connection.RemoteIpAddress is not null;
            if (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true) await WriteAsync(context.Response, StatusCodes.Status413PayloadTooLarge, "text/plain", "no request here has a body\n").ConfigureAwait(false);
            else if (!isTcp || OverTcp.Any(path => context.Request.Path.StartsWithSegments(path, StringComparison.Ordinal))) await next(context).ConfigureAwait(false);
            else await WriteAsync(context.Response, StatusCodes.Status403Forbidden, "text/plain", "this is answered on the unix socket only\n").ConfigureAwait(false);
        });
        _application.UseRouting();
        _application.MapGet("/status", context => AnswerAsync(context, async () =>
            (StatusCodes.Status200OK, "application/json", JsonSerializer.Serialize(await _source.GetStatusAsync().ConfigureAwait(false), AdminJson.Default.NodeStatus))));
        _application.MapGet("/metrics", context => AnswerAsync(context, async () =>
            (StatusCodes.Status200OK, "text/plain; version=0.0.4; charset=utf-8", await _source.GetMetricsAsync().ConfigureAwait(false))));
        _application.MapGet("/healthz", context => AnswerAsync(context, async () =>
        {
            await _source.GetStatusAsync().ConfigureAwait(false);
            return (StatusCodes.Status200OK, "text/plain", "ok\n");
        }));
        _application.MapGet("/primary/{service}", context => AnswerAsync(context, async () => await AnswerPrimaryAsync((string)context.Request.RouteValues["service"]!).ConfigureAwait(false)));
        _application.MapGet("/record", context => AnswerAsync(context, async () => await AnswerRecordAsync(context.Request.Query).ConfigureAwait(false)));
        _application.MapPost("/promote", context => AnswerAsync(context, async () => Order(await _source.PromoteAsync(context.Request.Query["service"].ToString(), context.Request.Query["node"].ToString()).ConfigureAwait(false))));
        _application.MapPost("/drain", context => AnswerAsync(context, async () => Order(await _source.DrainAsync(context.Request.Query["node"].ToString(), drained: true).ConfigureAwait(false))));
        _application.MapPost("/undrain", context => AnswerAsync(context, async () => Order(await _source.DrainAsync(context.Request.Query["node"].ToString(), drained: false).ConfigureAwait(false))));
        _application.MapPost("/accept-loss", context => AnswerAsync(context, async () => Order(await _source.AcceptLossAsync(context.Request.Query["service"].ToString()).ConfigureAwait(false))));
        _application.MapPost("/backend/drain", context => AnswerAsync(context, async () => await AnswerDrainAsync(context.Request.Query, draining: true).ConfigureAwait(false)));
        _application.MapPost("/backend/ready", context => AnswerAsync(context, async () => await AnswerDrainAsync(context.Request.Query, draining: false).ConfigureAwait(false)));
        _application.MapGet("/members", context => AnswerAsync(context, async () =>
            (StatusCodes.Status200OK, "application/json", JsonSerializer.Serialize(await _source.GetMembersAsync().ConfigureAwait(false), AdminJson.Default.MembershipReport))));
        _application.MapPost("/members/add", context => AnswerAsync(context, async () => Order(await _source.ChangeMembersAsync(context.Request.Query["member"].ToString(), add: true).ConfigureAwait(false))));
        _application.MapPost("/members/remove", context => AnswerAsync(context, async () => Order(await _source.ChangeMembersAsync(context.Request.Query["member"].ToString(), add: false).ConfigureAwait(false))));
        _application.MapPost("/rotate-keys", context => AnswerAsync(context, async () => Order(await _source.RotateTicketKeysAsync(context.Request.Query["service"].ToString()).ConfigureAwait(false))));
        _application.MapPost("/reload", context => AnswerAsync(context, async () =>
            (StatusCodes.Status200OK, "application/json", JsonSerializer.Serialize(await _source.ReloadAsync().ConfigureAwait(false), AdminJson.Default.ReloadReport))));
    }

    private static (int, string, string) Order(string? whyNot) =>
        whyNot is null ? (StatusCodes.Status200OK, "text/plain", "done\n") : (StatusCodes.Status409Conflict, "text/plain", whyNot + "\n");

    private async Task<(int, string, string)> AnswerPrimaryAsync(string service)
    {
        PrimaryReport? report = await _source.GetPrimaryAsync(service).ConfigureAwait(false);
        if (report is null) return (StatusCodes.Status404NotFound, "text/plain", $"there is no service '{service}' here\n");
        if (report.IsHere) return (StatusCodes.Status200OK, "text/plain", $"this node is the primary of {service}\n");
        return (StatusCodes.Status503ServiceUnavailable, "text/plain", report.Primary is null ? $"no primary of {service} is known here\n" : $"the primary of {service} is {report.Primary}, and this node does not serve it\n");
    }

    private async Task<(int, string, string)> AnswerRecordAsync(IQueryCollection query)
    {
        byte[] key = System.Text.Encoding.UTF8.GetBytes(query["key"].ToString());
        string? service = query.TryGetValue("service", out var named) ? named.ToString() : null;
        RecordReport? report = await _source.GetRecordAsync(service, key).ConfigureAwait(false);
        if (report is null) return (StatusCodes.Status404NotFound, "text/plain", $"there is no service '{service}' here\n");
        return report.Found ? (StatusCodes.Status200OK, "application/json", report.Json!) : (StatusCodes.Status404NotFound, "text/plain", $"[service {report.Service}] holds no such key\n");
    }

    private async Task<(int, string, string)> AnswerDrainAsync(IQueryCollection query, bool draining)
    {
        string server = query["server"].ToString();
        DrainReport? report = await _source.DrainServerAsync(server, draining).ConfigureAwait(false);
        return report is null
            ? (StatusCodes.Status404NotFound, "text/plain", $"no pool has a server '{server}': name it POOL/ADDRESS:PORT as the status does\n")
            : (StatusCodes.Status200OK, "application/json", JsonSerializer.Serialize(report, AdminJson.Default.DrainReport));
    }

    private static async Task AnswerAsync(HttpContext context, Func<Task<(int Status, string Type, string Text)>> answer)
    {
        (int status, string type, string text) result;
        try
        {
            result = await answer().ConfigureAwait(false);
        }
        catch (TimeoutException hung)
        {
            result = (StatusCodes.Status503ServiceUnavailable, "text/plain", hung.Message + "\n");
        }
        await WriteAsync(context.Response, result.status, result.type, result.text).ConfigureAwait(false);
    }

    private static Task WriteAsync(HttpResponse response, int status, string type, string text)
    {
        response.StatusCode = status;
        response.ContentType = type;
        return response.WriteAsync(text);
    }

    /// <summary>Kestrel's warnings go where everything goes.</summary>
    private sealed class ForwardingProvider(ILoggerFactory loggers) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => loggers.CreateLogger(categoryName);

        public void Dispose()
        {
            // The factory belongs to the node.
        }
    }
}
