using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Appliance.Perf.Macro.Relay;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Appliance.Perf.Macro.Tls;

/// <summary>The same with Kestrel: UseHttps, and a handler that copies from the server to the client as fast as it can.</summary>
internal sealed class KestrelTlsHost : IScenario
{
    public string Name => "tls-kestrel-host";

    public string Summary => "what relay-host with a certificate does, for streams from the server, by Kestrel's UseHttps";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        string path = Environment.GetEnvironmentVariable(RelayHost.CertificateVariable)!;
        using X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(path, path);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, RelayHost.Port(RelayHost.PortVariable), listen =>
        {
            listen.UseHttps(certificate, static https => https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13);
            listen.Use(static _ => static connection => CopyAsync(connection));
        }));
        using WebApplication application = builder.Build();
        application.StartAsync().GetAwaiter().GetResult();
        Console.WriteLine("ready");
        while (Console.In.Read() >= 0) { }
        return [];
    }

    private static async Task CopyAsync(ConnectionContext connection)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await server.ConnectAsync(IPAddress.Loopback, RelayHost.Port(RelayHost.ServerVariable)).ConfigureAwait(false);
        while (true)
        {
            int received = await server.ReceiveAsync(connection.Transport.Output.GetMemory(64 << 10)).ConfigureAwait(false);
            if (received == 0) return;
            connection.Transport.Output.Advance(received);
            var flushed = await connection.Transport.Output.FlushAsync().ConfigureAwait(false);
            if (flushed.IsCompleted || connection.ConnectionClosed.IsCancellationRequested) return;
        }
    }
}
