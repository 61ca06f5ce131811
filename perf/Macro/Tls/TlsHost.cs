using System.Globalization;
using System.Net;
using Appliance.Backends;
using Appliance.Configuration;
using Appliance.Listeners.Relay;
using Appliance.Listeners.Tls;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Perf.Macro.Tls;

/// <summary>A TLS listener in front of a relay, in a process of its own, until its input ends: the side of a benchmark that is measured.</summary>
internal sealed class TlsHost : IScenario
{
    /// <summary>Environment variables with the ports and the certificate.</summary>
    public const string PortVariable = "APPLIANCE_TLS_HOST_PORT", ServerVariable = "APPLIANCE_TLS_HOST_SERVER", CertificateVariable = "APPLIANCE_TLS_HOST_CERTIFICATE";

    public string Name => "tls-host";

    public string Summary => $"terminates TLS at 127.0.0.1:${PortVariable} and relays to 127.0.0.1:${ServerVariable} until its input ends";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using EventLoop loop = new();
        var tls = new TlsServer(TlsContexts.Load(new TlsSettings { Certificates = [Environment.GetEnvironmentVariable(CertificateVariable)!], SessionContext = "bench", Resumption = Resumption.Tickets, MaxHandshakesPerSource = 0 }));
        BackendOptions pool = new() { Name = "bench", Servers = [new BackendServer(new IPEndPoint(IPAddress.Loopback, Port(ServerVariable)), 1)] };
        using RelayListener listener = new(loop, new RelayOptions { Name = "bench", MaxPerSource = 0 }, new BackendPool(pool, new BuzHash(new byte[BuzHash.SeedBytes])), logger: null, tls);
        listener.Listen(new IPEndPoint(IPAddress.Loopback, Port(PortVariable)));
        Thread ending = new(() =>
        {
            while (Console.In.Read() >= 0) { }
            loop.RequestStop();
        })
        { IsBackground = true };
        ending.Start();
        Console.WriteLine("ready");
        loop.Run();
        return [];
    }

    /// <summary>A port from the environment.</summary>
    internal static int Port(string variable) => int.Parse(Environment.GetEnvironmentVariable(variable) ?? "7381", CultureInfo.InvariantCulture);
}
