using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Appliance.Drills;

/// <summary>A client that downloads a large page through a relay, slowly enough that a takeover falls into it; after a break it begins anew.</summary>
internal sealed class DownloadSession : DrillSession
{
    private const int ChunkBytes = 32 << 10, SilenceMilliseconds = 1000;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10); // 3 MiB/s: the 64 MiB of /big last twenty seconds
    private readonly byte[] _request;
    private readonly byte[] _buffer = new byte[ChunkBytes];
    private int _broken;

    /// <param name="target">The relay.</param>
    /// <param name="path">The page.</param>
    internal DownloadSession(IPEndPoint target, string path) : base(target, SilenceMilliseconds, "download") =>
        _request = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: drill\r\nConnection: close\r\n\r\n");

    /// <inheritdoc/>
    internal override bool Survived => _broken == 0;

    /// <inheritdoc/>
    protected override void Run()
    {
        while (!IsEnding)
        {
            try
            {
                using Socket socket = Connect();
                socket.ReceiveBufferSize = ChunkBytes; // else the kernel would take in seconds of the page ahead
                socket.Send(_request);
                while (!IsEnding && socket.Receive(_buffer) > 0)
                {
                    OnAnswer();
                    Thread.Sleep(Interval);
                }
            }
            catch (SocketException)
            {
                if (!IsBroken) _broken++;
                OnBreak();
                Thread.Sleep(Interval);
            }
        }
    }
}
