using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Drills;

/// <summary>
/// A client that buys: one standing connection, one write of class purchase after the other, each awaited. It remembers what was acknowledged, and reads all
/// of it back at the end.
/// </summary>
internal sealed class PurchaseSession : DrillSession
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(1);
    private const int AnswerMilliseconds = 1500; // ack-timeout is one second: what is answered with "unknown" is no silence
    private readonly string _prefix;
    private readonly List<int> _acknowledged = [];
    private readonly byte[] _buffer = new byte[4096];
    private Socket? _socket;
    private int _next, _reconnected;

    /// <param name="target">The service.</param>
    /// <param name="prefix">Of the keys, which no other drill uses.</param>
    internal PurchaseSession(IPEndPoint target, string prefix) : base(target, AnswerMilliseconds, "purchases") => _prefix = prefix;

    /// <inheritdoc/>
    internal override bool Survived => _reconnected == 0;

    /// <summary>Writes that were acknowledged, once the session has ended.</summary>
    internal int Acknowledged => _acknowledged.Count;

    /// <summary>Writes with an error for an answer: nothing was promised.</summary>
    internal int Refused { get; private set; }

    /// <summary>Writes that the connection did not outlive: they may be there, or not.</summary>
    internal int Unknown { get; private set; }

    /// <summary>Reads everything back that was acknowledged, and removes it.</summary>
    /// <returns>How much of it is not there as it was written.</returns>
    /// <exception cref="SocketException">The service cannot be asked.</exception>
    internal int CountLost()
    {
        int lost = 0;
        for (int i = 0; i < _acknowledged.Count; i++)
        {
            string answer = Ask("HGET", KeyOf(_acknowledged[i]), "item:sku");
            if (answer != ValueOf(_acknowledged[i])) lost++;
        }
        for (int i = 0; i < _next; i++) Ask("DEL", KeyOf(i)); // those of unknown outcome too
        _socket?.Dispose();
        return lost;
    }

    private static string ValueOf(int number) => string.Create(CultureInfo.InvariantCulture, $"{number + 1} 19.90 EUR");

    private string KeyOf(int number) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}{number}");

    /// <inheritdoc/>
    protected override void Run()
    {
        Timestamp due = EventLoop.ReadClock();
        while (!IsEnding)
        {
            try
            {
                bool isNew = _socket is null;
                string answer = Call("HSET", KeyOf(_next), "item:sku", ValueOf(_next));
                if (isNew && IsBroken) _reconnected++;
                if (answer == ":1")
                {
                    _acknowledged.Add(_next);
                    OnAnswer();
                }
                else
                {
                    Refused++;
                }
                _next++;
            }
            catch (SocketException)
            {
                if (_socket is not null)
                {
                    Unknown++;
                    _next++; // whether this one is there nobody knows
                }
                OnBreak();
                Disconnect();
            }
            due += Interval;
            TimeSpan left = due - EventLoop.ReadClock();
            if (left > TimeSpan.Zero) Thread.Sleep(left);
            else due = EventLoop.ReadClock();
        }
    }

    private string Ask(params ReadOnlySpan<string> words)
    {
        Timestamp limit = EventLoop.ReadClock() + TimeSpan.FromSeconds(10);
        while (true)
        {
            try
            {
                return Call(words);
            }
            catch (SocketException) when (EventLoop.ReadClock() < limit)
            {
                Disconnect();
            }
        }
    }

    private void Disconnect()
    {
        _socket?.Dispose();
        _socket = null;
    }

    // Replies here are one line, or one bulk string that fits in the buffer.
    private string Call(params ReadOnlySpan<string> words)
    {
        Socket socket = _socket ?? Connect();
        var request = new StringBuilder();
        request.Append(CultureInfo.InvariantCulture, $"*{words.Length}\r\n");
        foreach (string word in words) request.Append(CultureInfo.InvariantCulture, $"${word.Length}\r\n{word}\r\n");
        _socket = socket;
        socket.Send(Encoding.ASCII.GetBytes(request.ToString()));
        int bytes = 0;
        while (true)
        {
            int read = socket.Receive(_buffer.AsSpan(bytes));
            if (read == 0) throw new SocketException((int)SocketError.ConnectionReset);
            bytes += read;
            ReadOnlySpan<byte> reply = _buffer.AsSpan(0, bytes);
            int line = reply.IndexOf("\r\n"u8);
            if (line < 0) continue;
            if (reply[0] != (byte)'$' || reply[1] == (byte)'-') return Encoding.ASCII.GetString(reply[..line]);
            int length = int.Parse(reply[1..line], CultureInfo.InvariantCulture);
            if (bytes >= line + 2 + length + 2) return Encoding.ASCII.GetString(reply.Slice(line + 2, length));
        }
    }
}
