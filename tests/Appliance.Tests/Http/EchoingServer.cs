using System.Net.Sockets;
using System.Text;

namespace Appliance.Tests.Http;

/// <summary>Answers every request with the head that it got, and closes.</summary>
internal sealed class EchoingServer : IDisposable
{
    private readonly Socket _listening;
    private readonly Thread _thread;
    private volatile bool _ends;

    /// <param name="listening">Stays the caller's.</param>
    internal EchoingServer(Socket listening)
    {
        _listening = listening;
        _thread = new Thread(Serve) { IsBackground = true };
        _thread.Start();
    }

    public void Dispose()
    {
        _ends = true;
        _thread.Join();
    }

    private void Serve()
    {
        while (!_ends)
        {
            if (!_listening.Poll(TimeSpan.FromMilliseconds(20), SelectMode.SelectRead)) continue;
            Socket client = _listening.Accept();
            new Thread(() => Answer(client)) { IsBackground = true }.Start();
        }
    }

    private static void Answer(Socket client)
    {
        using (client)
        {
            var bytes = new byte[8192];
            int length = 0;
            try
            {
                while (bytes.AsSpan(0, length).IndexOf("\r\n\r\n"u8) < 0)
                {
                    int received = client.Receive(bytes.AsSpan(length));
                    if (received == 0) return;
                    length += received;
                }
                client.Send(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"));
                client.Send(bytes.AsSpan(0, length));
            }
            catch (SocketException)
            {
                // The client was refused: the connection that was made for it is reset.
            }
        }
    }
}
