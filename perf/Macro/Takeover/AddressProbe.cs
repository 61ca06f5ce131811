using System.Net;
using Appliance.Drills;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Takeover;

/// <summary>The drill's prober on one address: a new connection each millisecond from the client's namespace, PING on each. Both sides of a comparison answer the same.</summary>
internal sealed class AddressProbe : IDisposable
{
    private const int Priority = 5;
    private readonly EventLoop _loop = new();
    private readonly ConnectProbe _probe;
    private readonly Thread _thread;

    /// <param name="lab">Asked from its client's namespace.</param>
    /// <param name="target">A virtual address, and the port of something that speaks the Redis protocol.</param>
    public AddressProbe(Laboratory lab, IPEndPoint target)
    {
        _probe = new ConnectProbe(_loop, target, "PING\r\n"u8.ToArray(), "+PONG"u8.ToArray(), TimeSpan.FromMilliseconds(1));
        _loop.Add(_probe);
        _thread = new Thread(() => NetworkNamespace.Run(lab.ClientNamespace, Turn)) { Name = "probe" };
        _thread.Start();
    }

    /// <summary>Connections that were answered so far; any thread, approximately.</summary>
    public int Answered => _probe.Times.Succeeded;

    /// <summary>Stops and says how long the longest interruption was between two times.</summary>
    /// <returns>Milliseconds.</returns>
    public double End(Timestamp from, Timestamp until)
    {
        Stop();
        return _probe.Times.LongestGap(from, until)?.Length.TotalMilliseconds ?? throw new InvalidDataException("no connection was answered any more");
    }

    public void Dispose()
    {
        Stop();
        _loop.Dispose();
    }

    private void Stop()
    {
        if (!_thread.IsAlive) return;
        _loop.RequestStop();
        _thread.Join();
    }

    private int Turn()
    {
        RealtimePriority.Take(Priority);
        _loop.Run();
        return 0;
    }
}
