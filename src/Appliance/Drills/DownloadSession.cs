using System.Net;
using System.Net.Sockets;
using System.Text;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Drills;

/// <summary>A client that downloads a large page through a relay, slowly enough that a takeover falls into it. When the connection breaks or falls silent it begins anew. One thread, its own.</summary>
internal sealed class DownloadSession
{
    private const int ChunkBytes = 32 << 10, SilenceMilliseconds = 1000, ConnectMilliseconds = 100;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10); // 3 MiB/s: the 64 MiB of /big last twenty seconds
    private readonly IPEndPoint _target;
    private readonly byte[] _request;
    private readonly byte[] _buffer = new byte[ChunkBytes];
    private readonly Thread _thread;
    private volatile bool _ending;
    private long _bytes;

    /// <param name="target">The relay.</param>
    /// <param name="path">The page.</param>
    internal DownloadSession(IPEndPoint target, string path)
    {
        _target = target;
        _request = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: drill\r\nConnection: close\r\n\r\n");
        _thread = new Thread(Run) { Name = "download", IsBackground = true };
    }

    /// <summary>Bytes received so far; any thread.</summary>
    internal long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Downloads that were cut off.</summary>
    internal int Broken { get; private set; }

    /// <summary>Times that bytes came again after a download was cut off.</summary>
    internal int Resumed { get; private set; }

    /// <summary>When chunks came.</summary>
    internal ProbeTimes Times { get; } = new();

    internal void Start() => _thread.Start();

    /// <summary>Ends it; the thread has ended when this returns.</summary>
    internal void End()
    {
        _ending = true;
        _thread.Join();
    }

    private void Run()
    {
        bool broken = false;
        while (!_ending)
        {
            try
            {
                using Socket socket = Connecting.To(_target, ConnectMilliseconds, SilenceMilliseconds);
                socket.ReceiveBufferSize = ChunkBytes; // else the kernel would take in seconds of the page ahead
                socket.Send(_request);
                while (!_ending && socket.Receive(_buffer) is > 0 and int read)
                {
                    Volatile.Write(ref _bytes, _bytes + read);
                    Times.Succeed(EventLoop.ReadClock());
                    if (broken) Resumed++;
                    broken = false;
                    Thread.Sleep(Interval);
                }
            }
            catch (SocketException)
            {
                if (!broken) Broken++;
                broken = true;
                Thread.Sleep(Interval);
            }
        }
    }
}
