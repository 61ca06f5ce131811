using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Compatibility.Resp;

/// <summary>A real redis-server on loopback that keeps nothing.</summary>
internal sealed class RedisServer : IDisposable
{
    private readonly Process _process;

    internal RedisServer()
    {
        Port = FreePort();
        ProcessStartInfo start = new("redis-server",
            ["--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--databases", "1", "--dir", Path.GetTempPath(), "--loglevel", "warning"])
        { RedirectStandardOutput = true };
        _process = Process.Start(start)!;
        _process.OutputDataReceived += static (_, _) => { };
        _process.BeginOutputReadLine();
        Until.Accepts("redis-server", Port, TimeSpan.FromSeconds(20));
    }

    internal int Port { get; }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
