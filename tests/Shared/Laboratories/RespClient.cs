using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Appliance.Tests.Shared.Laboratories;

/// <summary>A minimal RESP2 client of the tests' own: pipelining, raw replies. Not thread-safe.</summary>
internal sealed class RespClient : IDisposable
{
    private readonly Socket _socket;
    private readonly MemoryStream _out = new();
    private readonly byte[] _in = new byte[1 << 20];
    private int _start, _end;

    private RespClient(Socket socket) => _socket = socket;

    public static RespClient Connect(IPEndPoint endPoint)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 30_000, SendTimeout = 30_000 };
        try
        {
            socket.Connect(endPoint);
            return new RespClient(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public TimeSpan ReceiveTimeout { set => _socket.ReceiveTimeout = (int)value.TotalMilliseconds; }

    /// <summary>Commands queued and not yet sent.</summary>
    public long QueuedBytes => _out.Length;

    /// <summary>Appends a command to the pipeline.</summary>
    public void Queue(params ReadOnlySpan<string> arguments)
    {
        Write($"*{arguments.Length}\r\n");
        foreach (string argument in arguments)
        {
            Write($"${Encoding.UTF8.GetByteCount(argument)}\r\n");
            Write(argument);
            Write("\r\n");
        }
    }

    /// <summary>Sends what is queued.</summary>
    public void Flush()
    {
        ReadOnlySpan<byte> bytes = _out.GetBuffer().AsSpan(0, (int)_out.Length);
        while (!bytes.IsEmpty) bytes = bytes[_socket.Send(bytes)..];
        _out.SetLength(0);
    }

    /// <summary>One command, one reply.</summary>
    public RespReply Call(params ReadOnlySpan<string> arguments)
    {
        Queue(arguments);
        Flush();
        return Read();
    }

    /// <summary>Reads the next reply. Throws <see cref="IOException"/> when the connection ended.</summary>
    public RespReply Read()
    {
        byte type = NextByte();
        string line = Line();
        switch ((char)type)
        {
            case '+': return new RespReply(RespType.Simple, line, null);
            case '-': return new RespReply(RespType.Error, line, null);
            case ':': return new RespReply(RespType.Integer, line, null);
            case '$':
                int length = int.Parse(line);
                if (length < 0) return new RespReply(RespType.Null, "", null);
                string text = Encoding.UTF8.GetString(Bytes(length));
                Bytes(2);
                return new RespReply(RespType.Bulk, text, null);
            case '*':
                int count = int.Parse(line);
                if (count < 0) return new RespReply(RespType.Null, "", null);
                var items = new RespReply[count];
                for (int i = 0; i < count; i++) items[i] = Read();
                return new RespReply(RespType.Array, "", items);
            default: throw new InvalidDataException($"unexpected reply type {type:x2}");
        }
    }

    public void Dispose() => _socket.Dispose();

    private void Write(string text)
    {
        Span<byte> bytes = text.Length <= 256 ? stackalloc byte[text.Length * 3] : new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        _out.Write(bytes[..Encoding.UTF8.GetBytes(text, bytes)]);
    }

    private byte NextByte()
    {
        if (_start == _end) Fill();
        return _in[_start++];
    }

    private string Line()
    {
        var line = new StringBuilder();
        while (true)
        {
            byte next = NextByte();
            if (next == '\r')
            {
                NextByte();
                return line.ToString();
            }
            line.Append((char)next);
        }
    }

    private byte[] Bytes(int count)
    {
        byte[] result = new byte[count];
        int have = 0;
        while (have < count)
        {
            if (_start == _end) Fill();
            int part = Math.Min(count - have, _end - _start);
            _in.AsSpan(_start, part).CopyTo(result.AsSpan(have));
            _start += part;
            have += part;
        }
        return result;
    }

    private void Fill()
    {
        int received;
        try
        {
            received = _socket.Receive(_in);
        }
        catch (SocketException exception)
        {
            throw new IOException($"connection failed: {exception.SocketErrorCode}", exception);
        }
        if (received == 0) throw new IOException("connection closed by the server");
        _start = 0;
        _end = received;
    }
}

internal enum RespType
{
    Simple,
    Error,
    Integer,
    Bulk,
    Null,
    Array,
}

/// <summary>A reply: text of a scalar, or the items of an array.</summary>
internal sealed record RespReply(RespType Type, string Text, RespReply[]? Items)
{
    public bool IsError => Type == RespType.Error;

    public override string ToString() => Type == RespType.Array ? $"[{string.Join(", ", Items!.Select(item => item.ToString()))}]" : Type == RespType.Null ? "(nil)" : Text;
}
