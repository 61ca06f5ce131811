using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>Both directions of one connection's TLS handshake: puts segments in order and reads the hellos. Pooled. Not thread-safe.</summary>
internal sealed class HelloReader
{
    private readonly Direction _client = new(), _server = new();

    /// <summary>Neither direction has anything more to tell.</summary>
    public bool Done => _client.Reader.Done && _server.Reader.Done;

    /// <summary>One of them was no TLS, or had a malformed hello.</summary>
    public bool Failed => _client.Reader.Failed || _server.Reader.Failed;

    /// <summary>Takes a segment with payload.</summary>
    /// <param name="fromClient">Direction.</param>
    /// <param name="start">Number of the direction's first byte, if its SYN was seen.</param>
    /// <param name="sequence">Number of the segment's first byte.</param>
    /// <param name="payload">What was captured of it.</param>
    /// <param name="truncated">The segment had more.</param>
    /// <param name="facts">Where what is read goes.</param>
    public void OnSegment(bool fromClient, uint? start, uint sequence, ReadOnlySpan<byte> payload, bool truncated, TlsFacts facts)
    {
        Direction direction = fromClient ? _client : _server;
        direction.OnSegment(start, sequence, payload, truncated, fromClient, facts);
        // Whoever is no client of TLS has no server of TLS; after the ServerHello the client's side tells nothing more.
        if (direction.Reader.Failed && (fromClient ? !facts.HasClientHello : !facts.HasServerHello)) (fromClient ? _server : _client).Reader.GiveUp();
        if (!fromClient && direction.Reader.Done) _client.Reader.GiveUp();
    }

    /// <summary>Begins anew; keeps its memory.</summary>
    public void Clear()
    {
        _client.Clear();
        _server.Clear();
    }

    private sealed class Direction
    {
        public readonly HandshakeReader Reader = new();
        private readonly SegmentWindow _window = new();
        private uint _next;
        private bool _started;

        public void OnSegment(uint? start, uint sequence, ReadOnlySpan<byte> payload, bool truncated, bool fromClient, TlsFacts facts)
        {
            if (Reader.Done) return;
            if (!_started)
            {
                _next = start ?? sequence;
                _started = true;
            }
            int ahead = (int)(sequence - _next);
            if (ahead > 0)
            {
                if (ahead < SegmentWindow.Bytes) _window.Hold(ahead, payload);
                else Reader.GiveUp(); // what is missing was lost by the capture, not by the network
                return;
            }
            if (-ahead >= payload.Length) return; // all of it was read before
            payload = payload[-ahead..];
            Feed(payload, fromClient, facts);
            for (ReadOnlySpan<byte> held = _window.Advance(payload.Length); !held.IsEmpty; held = _window.Advance(held.Length)) Feed(held, fromClient, facts);
            if (truncated) Reader.GiveUp();
        }

        public void Clear()
        {
            Reader.Clear();
            _window.Clear();
            _started = false;
        }

        private void Feed(ReadOnlySpan<byte> bytes, bool fromClient, TlsFacts facts)
        {
            Reader.Read(bytes, fromClient, facts);
            _next += (uint)bytes.Length;
        }
    }
}
