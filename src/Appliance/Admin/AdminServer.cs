using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Appliance.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Appliance.Admin;

/// <summary>The admin page: <c>/status</c>, <c>/healthz</c>, <c>/metrics</c>, <c>/record</c>, and <c>POST /reload</c> on the unix socket only.</summary>
internal sealed class AdminServer : IAsyncDisposable
{
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
        kestrel.Limits.MaxConcurrentConnections = 64; // scrapers and operators, not clients
        kestrel.Limits.MaxRequestBodySize = 0;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
        kestrel.ListenUnixSocket(options.Socket);
        foreach (IPEndPoint endPoint in options.Listen) kestrel.Listen(endPoint);
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
        _application.MapGet("/status", context => AnswerAsync(context, async () =>
            (StatusCodes.Status200OK, "application/json", JsonSerializer.Serialize(await _source.GetStatusAsync().ConfigureAwait(false), AdminJson.Default.NodeStatus))));
        _application.MapGet("/metrics", context => AnswerAsync(context, async () =>
            (StatusCodes.Status200OK, "text/plain; version=0.0.4; charset=utf-8", await _source.GetMetricsAsync().ConfigureAwait(false))));
        _application.MapGet("/healthz", context => AnswerAsync(context, async () =>
        {
            await _source.GetStatusAsync().ConfigureAwait(false);
            return (StatusCodes.Status200OK, "text/plain", "ok\n");
        }));
        _application.MapGet("/record", context => AnswerAsync(context, async () => await AnswerRecordAsync(context.Request.Query).ConfigureAwait(false)));
        _application.MapPost("/reload", context => AnswerAsync(context, async () => await AnswerReloadAsync(context.Connection).ConfigureAwait(false)));
    }

    private async Task<(int, string, string)> AnswerRecordAsync(IQueryCollection query)
    {
        byte[] key = System.Text.Encoding.UTF8.GetBytes(query["key"].ToString());
        string? service = query.TryGetValue("service", out var named) ? named.ToString() : null;
        RecordReport? report = await _source.GetRecordAsync(service, key).ConfigureAwait(false);
        if (report is null) return (StatusCodes.Status404NotFound, "text/plain", $"there is no service '{service}' here\n");
        return report.Found ? (StatusCodes.Status200OK, "application/json", report.Json!) : (StatusCodes.Status404NotFound, "text/plain", $"[service {report.Service}] holds no such key\n");
    }

    private async Task<(int, string, string)> AnswerReloadAsync(ConnectionInfo connection)
    {
        // The unix socket's file mode says who may; TCP has no authentication and only shows.
        if (connection.RemoteIpAddress is not null) return (StatusCodes.Status403Forbidden, "text/plain", "reload is possible on the unix socket only\n");
        ReloadReport report = await _source.ReloadAsync().ConfigureAwait(false);
        return (StatusCodes.Status200OK, "application/json", JsonSerializer.Serialize(report, AdminJson.Default.ReloadReport));
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
        context.Response.StatusCode = result.status;
        context.Response.ContentType = result.type;
        await context.Response.WriteAsync(result.text).ConfigureAwait(false);
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
