using System.Globalization;
using System.Net;
using Appliance.Backends;
using Appliance.Configuration;
using Appliance.Listeners.Relay;
using Appliance.Listeners.Tls;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Perf.Macro.Relay;

/// <summary>A relay alone, behind TLS where a certificate is given, in a process of its own until its input ends: the side of a benchmark that is measured.</summary>
internal sealed class RelayHost : IScenario
{
    /// <summary>Environment variables with the ports and the certificate; without the last bytes pass as they are.</summary>
    public const string PortVariable = "APPLIANCE_RELAY_HOST_PORT", ServerVariable = "APPLIANCE_RELAY_HOST_SERVER", CertificateVariable = "APPLIANCE_RELAY_HOST_CERTIFICATE";

    public string Name => "relay-host";

    public string Summary => $"relays from 127.0.0.1:${PortVariable} to 127.0.0.1:${ServerVariable} until its input ends; terminates TLS with ${CertificateVariable}";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using EventLoop loop = new();
        string? certificate = Environment.GetEnvironmentVariable(CertificateVariable);
        TlsServer? tls = certificate is null ? null : new TlsServer(TlsContexts.Load(new TlsSettings { Certificates = [certificate], SessionContext = "bench", Resumption = Resumption.Tickets, MaxHandshakesPerSource = 0 }));
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
    internal static int Port(string variable) => int.Parse(Environment.GetEnvironmentVariable(variable) ?? "7380", CultureInfo.InvariantCulture);
}
