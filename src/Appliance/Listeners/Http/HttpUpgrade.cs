namespace Appliance.Listeners.Http;

/// <summary>Whether a client's bytes are still requests: after the server has said 101 (Switching Protocols) they are not. Watches the server's answer to the first request.</summary>
internal struct HttpUpgrade
{
    private const int CodeAt = 9, StatusBytes = 12; // "HTTP/1.1 101"
    private int _at;    // in the status line
    private int _code;
    private int _blank; // bytes of CR LF CR LF met, behind the status of an interim answer

    /// <summary>The server has not said yet.</summary>
    internal bool IsAwaited { get; private set; }

    /// <summary>It has: bytes pass as they are.</summary>
    internal bool IsDone { get; private set; }

    /// <summary>The client has asked for it.</summary>
    internal void Await() => IsAwaited = true;

    /// <summary>Looks at what the server answers.</summary>
    internal void Watch(ReadOnlySpan<byte> bytes)
    {
        foreach (byte next in bytes)
        {
            if (_at < StatusBytes)
            {
                if (_at++ >= CodeAt) _code = _code * 10 + (next - '0');
                if (_at < StatusBytes || _code is >= 100 and < 200 and not 101) continue;
                IsDone = _code == 101;
                IsAwaited = false;
                return;
            }
            // 100 (Continue) and its like stand in front of the answer: RFC 9110, 15.2.
            _blank = next == "\r\n\r\n"u8[_blank] ? _blank + 1 : next == '\r' ? 1 : 0;
            if (_blank == 4) _at = _code = _blank = 0;
        }
    }
}
