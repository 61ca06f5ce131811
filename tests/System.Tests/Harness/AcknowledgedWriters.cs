using System.Collections.Concurrent;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>Clients that write to a primary, each several commands ahead, until it ends under them. They note what they asked for and what was acknowledged.</summary>
internal sealed class AcknowledgedWriters : IDisposable
{
    private const int Clients = 8, Pipeline = 8;
    private readonly RespClient[] _clients;
    private readonly Thread[] _threads;
    private readonly ConcurrentBag<string> _asked = [], _acknowledged = [];

    /// <param name="lab">The laboratory.</param>
    /// <param name="primary">Written to.</param>
    /// <param name="prefix">Of the keys.</param>
    public AcknowledgedWriters(Laboratory lab, LabNode primary, string prefix)
    {
        _clients = [.. Enumerable.Range(0, Clients).Select(_ => lab.Connect(primary))];
        _threads = [.. _clients.Select((client, index) => new Thread(() => Write(client, $"{prefix}:{index}")))];
        foreach (Thread thread in _threads) thread.Start();
    }

    /// <summary>Keys whose writes were sent.</summary>
    public IReadOnlyCollection<string> Asked => _asked;

    /// <summary>Keys whose writes were answered with OK.</summary>
    public IReadOnlyCollection<string> Acknowledged => _acknowledged;

    /// <summary>Waits until the primary has ended and every client knows.</summary>
    public void Join()
    {
        foreach (Thread thread in _threads) thread.Join();
    }

    /// <summary>Which of the keys a node holds; a node that is being brought into step is asked again until it is.</summary>
    public static List<string> Present(Laboratory lab, LabNode node, IReadOnlyCollection<string> keys)
    {
        var present = new List<string>();
        using RespClient client = lab.Connect(node);
        foreach (string[] part in keys.Chunk(500))
        {
            List<string> open = [.. part];
            Until.True($"node '{node.Id}' is in step", TimeSpan.FromSeconds(10), () =>
            {
                foreach (string key in open) client.Queue("EXISTS", key);
                client.Flush();
                open.RemoveAll(key =>
                {
                    RespReply reply = client.Read();
                    if (reply.IsError && reply.Text.StartsWith("LOADING", StringComparison.Ordinal)) return false;
                    Assert.False(reply.IsError, reply.Text);
                    if (reply.Text == "1") present.Add(key);
                    return true;
                });
                return open.Count == 0;
            });
        }
        return present;
    }

    /// <summary>Deletes keys.</summary>
    public static void Delete(Laboratory lab, LabNode node, IReadOnlyCollection<string> keys)
    {
        using RespClient client = lab.Connect(node);
        foreach (string[] part in keys.Chunk(500))
        {
            foreach (string key in part) client.Queue("DEL", key);
            client.Flush();
            foreach (string _ in part) Assert.Equal("1", client.Read().Text);
        }
    }

    public void Dispose()
    {
        foreach (RespClient client in _clients) client.Dispose();
        Join();
    }

    private void Write(RespClient client, string prefix)
    {
        var inFlight = new Queue<string>();
        try
        {
            for (int i = 0; ; i++)
            {
                string key = $"{prefix}:{i}";
                _asked.Add(key);
                inFlight.Enqueue(key);
                client.Queue("SET", key, $"value of {key}");
                client.Flush();
                if (inFlight.Count < Pipeline) continue;
                RespReply reply = client.Read();
                string answered = inFlight.Dequeue();
                if (!reply.IsError) _acknowledged.Add(answered);
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or System.Net.Sockets.SocketException)
        {
            // The primary ended under this client, as the test wants: what was in flight has no known outcome.
        }
    }
}
