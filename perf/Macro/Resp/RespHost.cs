using System.Globalization;
using System.Net;
using Appliance.Configuration;
using Appliance.Listeners.Resp;
using Appliance.Listeners.Resp.Connections;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Perf.Macro.Resp;

/// <summary>A node alone that serves Redis clients until its input ends: the server side of a benchmark, in a process of its own.</summary>
internal sealed class RespHost : IScenario
{
    /// <summary>Environment variable with the port.</summary>
    public const string PortVariable = "APPLIANCE_RESP_HOST_PORT";

    public string Name => "resp-host";

    public string Summary => $"serves Redis clients on 127.0.0.1:${PortVariable} until its input ends";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        int port = int.Parse(Environment.GetEnvironmentVariable(PortVariable) ?? "6380", CultureInfo.InvariantCulture);
        using EventLoop loop = new();
        BuzHash hash = new(new byte[BuzHash.SeedBytes]);
        using StandaloneService service = new("bench", new ClassPolicies([], 1), hash, new StoreLimits { MemoryBytes = 4L << 30 }, WallClock);
        RespListener listener = new(loop, service.Store, new RespOptions());
        listener.Listen(new IPEndPoint(IPAddress.Loopback, port));
        Thread ending = new(() =>
        {
            while (Console.In.Read() >= 0) { }
            loop.RequestStop();
        })
        { IsBackground = true };
        ending.Start();
        Console.WriteLine("ready");
        loop.Run();
        listener.Dispose();
        return [];
    }

    private static long WallClock() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
}
