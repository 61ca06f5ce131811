using System.Net;
using Appliance.Configuration;
using Appliance.Listeners.Resp;
using Appliance.Listeners.Resp.Connections;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Tests.Compatibility.Resp;

/// <summary>A node alone with a Redis listener on loopback. Nothing is tidied up, so that no reply depends on when that happens.</summary>
internal sealed class RespServer : IDisposable
{
    private readonly EventLoop _loop = new();
    private readonly StandaloneService _service;
    private readonly RespListener _listener;
    private readonly ManualResetEventSlim _stopped = new();

    internal RespServer(RespOptions? options = null)
    {
        _service = new StandaloneService("demo", new ClassPolicies([], 1), new BuzHash(new byte[BuzHash.SeedBytes]), new StoreLimits { MemoryBytes = 256 << 20 },
            () => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        _listener = new RespListener(_loop, _service.Store, options ?? new RespOptions());
        Port = _listener.Listen(new IPEndPoint(IPAddress.Loopback, 0)).Port;
        _loop.Start("resp-server");
    }

    internal int Port { get; }

    internal RespCounters Counters => _listener.Counters;

    public void Dispose()
    {
        _loop.Post(() =>
        {
            _listener.Dispose();
            _stopped.Set();
        });
        _stopped.Wait(TimeSpan.FromSeconds(20));
        _loop.Dispose();
        _service.Dispose();
        _stopped.Dispose();
    }
}
