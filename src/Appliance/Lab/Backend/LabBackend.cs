using System.Buffers;
using System.Net;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Appliance.Lab.Backend;

/// <summary>
/// The server behind a laboratory's relay: <c>GET /big</c> (<see cref="BigPage"/>), <c>PUT /sink</c> (answers the SHA-256 of what it got),
/// <c>GET /client</c> (answers whom it takes for the client; a PROXY protocol header is believed), <c>GET /healthz</c>.
/// </summary>
internal static class LabBackend
{
    /// <summary>The last line of its log when it serves.</summary>
    internal const string Ready = "serving";

    private const int SinkBufferBytes = 1 << 20;

    /// <summary>Serves until the process is ended.</summary>
    internal static async Task RunAsync(IPEndPoint endPoint, TextWriter output, CancellationToken ending)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null; // a test may stop in the middle
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(endPoint, static listen => listen.Use(ProxyHeaderReader.Before));
        });
        builder.Services.AddRouting();
        await using WebApplication application = builder.Build();
        Map(application);
        await application.StartAsync().ConfigureAwait(false);
        await output.WriteLineAsync(Ready).ConfigureAwait(false);
        await output.FlushAsync().ConfigureAwait(false);
        await Task.Delay(Timeout.Infinite, ending).ConfigureAwait(false);
    }

    private static void Map(WebApplication application)
    {
        var page = new byte[BigPage.Bytes];
        BigPage.Fill(page);
        application.MapGet("/big", async context =>
        {
            context.Response.ContentType = "application/octet-stream";
            context.Response.ContentLength = page.Length;
            await context.Response.Body.WriteAsync(page, context.RequestAborted).ConfigureAwait(false);
        });
        application.MapPut("/sink", SinkAsync);
        application.MapGet("/client", static context => context.Response.WriteAsync($"{new IPEndPoint(context.Connection.RemoteIpAddress!, context.Connection.RemotePort)}\n"));
        application.MapGet("/healthz", static context => context.Response.WriteAsync("ok\n"));
    }

    private static async Task SinkAsync(HttpContext context)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(SinkBufferBytes);
        try
        {
            while (await context.Request.Body.ReadAsync(buffer, context.RequestAborted).ConfigureAwait(false) is > 0 and int read) hash.AppendData(buffer, 0, read);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        await context.Response.WriteAsync($"{Convert.ToHexStringLower(hash.GetHashAndReset())}\n").ConfigureAwait(false);
    }
}
