using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>A client that every millisecond opens a new connection to an address and sends PING: how long nobody answered there. Any thread.</summary>
internal sealed class ServiceProbe : IDisposable
{
    private static readonly byte[] Ping = "PING\r\n"u8.ToArray();
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1), Limit = TimeSpan.FromSeconds(20);
    private readonly ConcurrentQueue<long> _answers = [];
    private readonly List<Task> _asked = [];
    private readonly IPEndPoint _target;
    private readonly Thread _thread;
    private volatile bool _stop;
    private int _refused;

    /// <param name="lab">Asked from its client's namespace.</param>
    /// <param name="address">A floating address.</param>
    public ServiceProbe(Laboratory lab, IPAddress address)
    {
        _target = new IPEndPoint(address, lab.RespPort);
        _thread = new Thread(() => NetworkNamespace.Run(lab.ClientNamespace, Ask));
        _thread.Start();
        AwaitAnswer(Stopwatch.GetTimestamp());
    }

    /// <summary>Connections that were refused (RST).</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Waits for an answer later than a time of <see cref="Stopwatch"/>.</summary>
    public void AwaitAnswer(long since) => Until.True($"{_target} answers", Limit, () => _answers.Any(answered => answered > since));

    /// <summary>Waits for so many answers more.</summary>
    public void AwaitMore(int answers)
    {
        int before = _answers.Count;
        Until.True($"{_target} answers {answers} times", Limit, () => _answers.Count >= before + answers);
    }

    /// <summary>The longest time between two answers, the second of which came after a time of <see cref="Stopwatch"/>.</summary>
    public TimeSpan LongestGap(long since)
    {
        long[] answers = [.. _answers.Order()];
        return answers.Zip(answers.Skip(1)).Where(pair => pair.Second > since).Max(static pair => Stopwatch.GetElapsedTime(pair.First, pair.Second));
    }

    public void Dispose()
    {
        _stop = true;
        _thread.Join();
        Task.WaitAll([.. _asked]);
    }

    private int Ask()
    {
        while (!_stop)
        {
            // A socket belongs to the namespace of the thread that opens it.
            _asked.Add(AskAsync(new Socket(_target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) }));
            Thread.Sleep(1); // the interval
        }
        return _asked.Count;
    }

    private async Task AskAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(Patience);
        byte[] reply = new byte[16];
        try
        {
            using (socket)
            {
                await socket.ConnectAsync(_target, limit.Token).ConfigureAwait(false);
                await socket.SendAsync(Ping, limit.Token).ConfigureAwait(false);
                int received = await socket.ReceiveAsync(reply, limit.Token).ConfigureAwait(false);
                if (reply.AsSpan(0, received).StartsWith("+PONG"u8)) _answers.Enqueue(Stopwatch.GetTimestamp());
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody answered this one: that is what is measured.
        }
        catch (SocketException error)
        {
            if (error.SocketErrorCode == SocketError.ConnectionRefused) Interlocked.Increment(ref _refused);
        }
    }
}
