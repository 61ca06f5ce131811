using System.Net;
using System.Net.Sockets;

namespace Appliance.Tests.Multicast.Transport;

/// <summary>Stands between the two ends of one TCP connection: sees and may change what the caller sends.</summary>
internal sealed class Relay : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Socket _onward = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Action<Chunk> _change;
    private readonly MemoryStream _seen = new();
    private readonly Thread _thread;

    /// <summary>Bytes on the way from the caller.</summary>
    /// <param name="Array">Where they are; may be changed.</param>
    /// <param name="Offset">Place of the first in the caller's stream.</param>
    /// <param name="Count">How many.</param>
    internal readonly record struct Chunk(byte[] Array, int Offset, int Count);

    internal Relay(IPEndPoint onward, Action<Chunk> change)
    {
        _change = change;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _onward.Connect(onward);
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    internal IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndPoint!;

    internal byte[] Seen
    {
        get
        {
            lock (_seen) return _seen.ToArray();
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        _onward.Dispose();
        _thread.Join();
    }

    private void Run()
    {
        try
        {
            using Socket caller = _listener.Accept();
            var back = new Thread(() => Pump(_onward, caller, static (_, _) => { })) { IsBackground = true };
            back.Start();
            int offset = 0;
            Pump(caller, _onward, (buffer, count) =>
            {
                _change(new Chunk(buffer, offset, count));
                offset += count;
                lock (_seen) _seen.Write(buffer, 0, count);
            });
            back.Join();
        }
        catch (SocketException)
        {
            // Disposed while waiting for the caller.
        }
    }

    private static void Pump(Socket from, Socket to, Action<byte[], int> look)
    {
        byte[] buffer = new byte[65536];
        try
        {
            int count;
            while ((count = from.Receive(buffer)) > 0)
            {
                look(buffer, count);
                to.Send(buffer.AsSpan(0, count));
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            to.Dispose(); // one end broke: so does the other
        }
    }
}
