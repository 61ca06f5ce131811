using System.Globalization;
using System.Net;
using Appliance.Backends;
using Appliance.Configuration;
using Appliance.Listeners.Relay;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Perf.Macro.Relay;

/// <summary>A relay alone, in a process of its own, until its input ends: the side of a benchmark that is measured.</summary>
internal sealed class RelayHost : IScenario
{
    /// <summary>Environment variables with the ports.</summary>
    public const string PortVariable = "APPLIANCE_RELAY_HOST_PORT", ServerVariable = "APPLIANCE_RELAY_HOST_SERVER";

    public string Name => "relay-host";

    public string Summary => $"relays from 127.0.0.1:${PortVariable} to 127.0.0.1:${ServerVariable} until its input ends";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using EventLoop loop = new();
        BackendOptions pool = new() { Name = "bench", Servers = [new BackendServer(new IPEndPoint(IPAddress.Loopback, Port(ServerVariable)), 1)] };
        using RelayListener listener = new(loop, new RelayOptions { Name = "bench" }, new BackendPool(pool, new BuzHash(new byte[BuzHash.SeedBytes])));
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

    private static int Port(string variable) => int.Parse(Environment.GetEnvironmentVariable(variable) ?? "7380", CultureInfo.InvariantCulture);
}
