using Appliance.Interop;
using Appliance.Listeners.Connections;

namespace Appliance.Tests.Http;

/// <summary>A client whose bytes come in the pieces that a test chooses, and which keeps what it is told.</summary>
internal sealed unsafe class ScriptedConnection(ConnectionMemory memory) : IConnection
{
    private readonly Queue<byte[]> _pieces = new();
    private int _at;

    internal List<byte> Told { get; } = [];

    public bool IsReadable => _pieces.Count > 0;

    public bool InputEnded => false;

    public bool OutputEnded { get; private set; }

    public bool HasFailed => false;

    public int PendingBytes => 0;

    public long BytesReceived => 0;

    public long BytesSent => 0;

    internal void Say(ReadOnlySpan<byte> bytes) => _pieces.Enqueue(bytes.ToArray());

    internal void Say(byte[] piece) => _pieces.Enqueue(piece);

    public int Receive(int maxBytes) => Receive(memory.Input, maxBytes);

    public int Receive(byte* destination, int maxBytes)
    {
        if (!_pieces.TryPeek(out byte[]? piece)) return -Sockets.TryAgain;
        int part = Math.Min(maxBytes, piece.Length - _at);
        piece.AsSpan(_at, part).CopyTo(new Span<byte>(destination, part));
        _at += part;
        if (_at < piece.Length) return part;
        _pieces.Dequeue();
        _at = 0;
        return part;
    }

    public bool Write(ReadOnlySpan<byte> bytes)
    {
        Told.AddRange(bytes);
        return true;
    }

    public bool Flush() => true;

    public bool EndOutput() => OutputEnded = true;

    public void Close() => OutputEnded = true;

    public void Reset() => OutputEnded = true;
}
