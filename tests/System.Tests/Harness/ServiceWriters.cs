using System.Collections.Concurrent;
using System.Net.Sockets;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>Clients that write to a service's address, one command at a time, and connect anew when a connection ends or falls silent, as real ones do.</summary>
internal sealed class ServiceWriters : IDisposable
{
    private const int Clients = 4;
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(1), Limit = TimeSpan.FromSeconds(30);
    private readonly Laboratory _lab;
    private readonly Thread[] _threads;
    private readonly ConcurrentBag<string> _acknowledged = [];
    private readonly ConcurrentQueue<string> _refusals = [];
    private volatile bool _stop;

    /// <param name="lab">The laboratory.</param>
    /// <param name="prefix">Of the keys.</param>
    public ServiceWriters(Laboratory lab, string prefix)
    {
        _lab = lab;
        _threads = [.. Enumerable.Range(0, Clients).Select(index => new Thread(() => Write($"{prefix}:{index}")))];
        foreach (Thread thread in _threads) thread.Start();
    }

    /// <summary>Keys whose writes were answered with OK.</summary>
    public IReadOnlyCollection<string> Acknowledged => _acknowledged;

    /// <summary>Error replies.</summary>
    public IReadOnlyCollection<string> Refusals => _refusals;

    /// <summary>Waits until so many more are acknowledged.</summary>
    public void AwaitMore(int count)
    {
        int goal = _acknowledged.Count + count;
        Until.True($"{count} more writes are acknowledged", Limit, () => _acknowledged.Count >= goal);
    }

    /// <summary>Ends; what is under way is still noted.</summary>
    public void Stop()
    {
        _stop = true;
        foreach (Thread thread in _threads) thread.Join();
    }

    /// <summary>Every acknowledged write is on a node.</summary>
    public void AssertHeldBy(LabNode node, string when)
    {
        List<string> present = AcknowledgedWriters.Present(_lab, node, _acknowledged);
        Assert.True(present.Count == _acknowledged.Count, $"{when}: {node.Id} holds {present.Count} of {_acknowledged.Count} acknowledged writes; {_acknowledged.Except(present).FirstOrDefault()} is missing");
    }

    public void Dispose() => Stop();

    private void Write(string prefix)
    {
        RespClient? client = null;
        for (int i = 0; !_stop; i++)
        {
            try
            {
                client ??= Connect();
                RespReply reply = client.Call("SET", $"{prefix}:{i}", $"value {i}");
                if (reply.IsError) _refusals.Enqueue(reply.Text);
                else _acknowledged.Add($"{prefix}:{i}");
            }
            catch (Exception error) when (error is IOException or SocketException or InvalidOperationException { InnerException: SocketException })
            {
                client?.Dispose(); // what was under way has no known outcome
                client = null;
            }
        }
        client?.Dispose();
    }

    private RespClient Connect()
    {
        RespClient client = _lab.ConnectToService();
        client.ReceiveTimeout = Silence;
        return client;
    }
}
