using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Appliance.Tests.Compatibility.Resp;

/// <summary>A connection that sends raw commands and splits what comes back into whole replies, byte for byte.</summary>
internal sealed class RespStream : IDisposable
{
    private readonly TcpClient _client = new() { NoDelay = true };
    private readonly BufferedStream _input;
    private readonly NetworkStream _stream;

    internal RespStream(int port)
    {
        _client.Connect(IPAddress.Loopback, port);
        _stream = _client.GetStream();
        _stream.ReadTimeout = 20_000;
        _input = new BufferedStream(_stream, 1 << 16);
    }

    internal void Send(IEnumerable<byte[][]> commands)
    {
        MemoryStream bytes = new();
        foreach (byte[][] command in commands)
        {
            bytes.Write(Encoding.ASCII.GetBytes($"*{command.Length}\r\n"));
            foreach (byte[] argument in command)
            {
                bytes.Write(Encoding.ASCII.GetBytes($"${argument.Length}\r\n"));
                bytes.Write(argument);
                bytes.Write("\r\n"u8);
            }
        }
        _stream.Write(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
    }

    /// <summary>Reads one reply as a tree; its text is the reply's exact bytes in Latin-1.</summary>
    internal RespNode Read()
    {
        string line = ReadLine();
        RespNode node = new(line + "\r\n");
        switch (line[0])
        {
            case '$' or '=' when line != "$-1":
                byte[] bytes = new byte[int.Parse(line.AsSpan(1)) + 2];
                _input.ReadExactly(bytes);
                node.Head += Encoding.Latin1.GetString(bytes);
                break;
            case '*' or '~' or '%' when line != "*-1":
                int count = int.Parse(line.AsSpan(1)) * (line[0] == '%' ? 2 : 1);
                for (int i = 0; i < count; i++) node.Children.Add(Read());
                break;
        }
        return node;
    }

    public void Dispose()
    {
        _input.Dispose();
        _client.Dispose();
    }

    private string ReadLine()
    {
        StringBuilder line = new();
        while (true)
        {
            int next = _input.ReadByte();
            if (next < 0) throw new EndOfStreamException();
            if (next == '\n') return line.ToString(0, line.Length - 1);
            line.Append((char)next);
        }
    }
}

/// <summary>A reply and the replies in it.</summary>
internal sealed class RespNode(string head)
{
    internal string Head { get; set; } = head;

    internal List<RespNode> Children { get; } = [];

    /// <summary>The reply's bytes.</summary>
    internal string Text => Head + string.Concat(Children.Select(child => child.Text));

    /// <summary>The reply's bytes, its elements in groups of a size in the order of their text: for replies whose order has no meaning.</summary>
    internal string Sorted(int group) => Head + string.Concat(Children.Select(child => child.Text).Chunk(group).Select(texts => string.Concat(texts)).Order(StringComparer.Ordinal));
}
