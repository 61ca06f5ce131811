using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Connections;
using Appliance.Listeners.Tls;

namespace Appliance.Listeners.Http;

/// <summary>
/// HTTP/1.1 between a client's TLS and the relay, which sees the same members as of a plain connection: what is received from it are the client's requests, each
/// with what this side has to say of the client in its head. Bodies and answers pass as they are. Allocates nothing per request. Loop thread.
/// </summary>
internal sealed unsafe class HttpFront : IConnection
{
    /// <summary>Most bytes by which a head grows.</summary>
    internal const int GrowthBytes = 512;

    private const int RawAt = ConnectionMemory.LargestReadBytes / 2; // in the input: what is read there is rewritten to its beginning
    private const int SmallestHeldBytes = 4096;
    private const int MostDiscardedBytes = 1 << 20;
    private readonly IConnection _inner;
    private readonly ConnectionMemory _memory;
    private readonly HttpRules _rules;
    private readonly TlsCounters _counters;
    private readonly byte[] _added;
    private readonly HttpLogin? _login;
    private NativeBlock _held;  // bytes of the client that wait: for the end of their head, or for room
    private int _heldStart;
    private int _heldEnd;
    private int _searched;      // so many of them are known to hold no end of a head
    private NativeBlock _ready; // a head that is longer than what may be received at once
    private int _readyStart;
    private int _readyEnd;
    private bool _isAnswered;   // the refusal
    private long _discarded;
    private HttpBody _body;
    private HttpUpgrade _upgrade;

    /// <param name="inner">Its handshake is done; belongs to this from now on.</param>
    /// <param name="memory">That of the connection.</param>
    /// <param name="rules">In force for this connection.</param>
    /// <param name="added">Fields that every head gets, in full lines of at most <see cref="GrowthBytes"/> bytes.</param>
    /// <param name="counters">Where requests are counted.</param>
    /// <param name="login">Who the client is; null where nobody is asked.</param>
    internal HttpFront(IConnection inner, ConnectionMemory memory, HttpRules rules, byte[] added, TlsCounters counters, HttpLogin? login = null)
    {
        _inner = inner;
        _memory = memory;
        _rules = rules;
        _added = added;
        _counters = counters;
        _login = login;
    }

    /// <summary>Why requests go no further; the client has been told where it could be.</summary>
    internal HttpRefusal Refusal { get; private set; }

    /// <summary>Requests passed on.</summary>
    internal long Passed { get; private set; }

    /// <summary>For a head that has begun.</summary>
    internal TimeSpan RequestTimeout => _rules.RequestTimeout;

    /// <summary>Number of the request whose head has begun and not ended; 0 when there is none; less when all that is awaited is that the client ends, which has its answer.</summary>
    internal long AwaitedHead => _isAnswered ? -1 : _searched > 0 ? Passed + 1 : 0;

    /// <inheritdoc/>
    public bool IsReadable => !InputEnded && !Waits && (Refusal != HttpRefusal.None && !_isAnswered || _readyEnd > _readyStart || HeldBytes > _searched || _inner.IsReadable);

    /// <inheritdoc/>
    public bool InputEnded { get; private set; }

    /// <inheritdoc/>
    public bool OutputEnded => _inner.OutputEnded;

    /// <inheritdoc/>
    public bool HasFailed => _inner.HasFailed;

    /// <inheritdoc/>
    public int PendingBytes => _inner.PendingBytes;

    /// <inheritdoc/>
    public long BytesReceived => _inner.BytesReceived;

    /// <inheritdoc/>
    public long BytesSent => _inner.BytesSent;

    // Until the server has said whether it switches, or a password was checked.
    private bool Waits => _upgrade.IsAwaited || _login is { IsWaiting: true };

    private int HeldBytes => _heldEnd - _heldStart;

    private byte* Raw => _memory.Input + RawAt;

    /// <inheritdoc/>
    public int Receive(byte* destination, int maxBytes)
    {
        int received = Receive(maxBytes);
        if (received > 0) new ReadOnlySpan<byte>(_memory.Input, received).CopyTo(new Span<byte>(destination, received));
        return received;
    }

    /// <inheritdoc/>
    public int Receive(int maxBytes)
    {
        while (true)
        {
            if (_readyEnd > _readyStart) return Drain(maxBytes);
            if (Refusal != HttpRefusal.None) return _isAnswered ? Discard(maxBytes) : -Sockets.ConnectionReset;
            if (HeldBytes == 0 && (_upgrade.IsDone || _body.PlainBytes >= maxBytes)) return ReceivePlain(maxBytes);
            if (HeldBytes <= _searched)
            {
                int received = HeldBytes == 0 ? _inner.Receive(Raw, maxBytes / 2) : ReceiveBehindHeld(maxBytes / 2);
                if (received == 0) InputEnded = true; // in the middle of a request, the server sees the end there
                if (received <= 0) return received;
                if (HeldBytes == 0)
                {
                    int written = Pass(new ReadOnlySpan<byte>(Raw, received), maxBytes, out int taken);
                    if (taken < received && !Hold(new ReadOnlySpan<byte>(Raw + taken, received - taken))) Refuse(HttpRefusal.Unavailable);
                    if (written > 0) return written;
                    if (Waits) return -Sockets.TryAgain;
                    continue;
                }
            }
            int passed = Pass(_held.Span[_heldStart.._heldEnd], maxBytes, out int used);
            _heldStart += used;
            if (HeldBytes == 0) Release();
            if (passed > 0) return passed;
            if (Waits) return -Sockets.TryAgain;
        }
    }

    /// <inheritdoc/>
    public bool Write(ReadOnlySpan<byte> bytes)
    {
        if (_upgrade.IsAwaited) _upgrade.Watch(bytes);
        return _inner.Write(bytes);
    }

    /// <inheritdoc/>
    public bool Flush() => _inner.Flush();

    /// <inheritdoc/>
    public bool EndOutput() => _inner.EndOutput();

    /// <inheritdoc/>
    public void Close()
    {
        ReleaseAll();
        _inner.Close();
    }

    /// <inheritdoc/>
    public void Reset()
    {
        ReleaseAll();
        _inner.Reset();
    }

    /// <summary>Lets no further request pass, and tells the client why unless answers of the server may still be under way.</summary>
    internal void Refuse(HttpRefusal refusal)
    {
        if (Refusal != HttpRefusal.None) return;
        Refusal = refusal;
        _counters.RefusedRequests++;
        if (Passed > 0 || !_inner.Write(HttpAnswer.Of(refusal))) return;
        _inner.EndOutput();
        _isAnswered = true;
    }

    // Closing while the client still sends would reset the connection and take the answer from it: RFC 9112, 9.6.
    private int Discard(int maxBytes)
    {
        Release();
        int received = _inner.Receive(Raw, maxBytes / 2);
        if (received > 0) _discarded += received;
        return received == -Sockets.TryAgain || received > 0 && _discarded < MostDiscardedBytes ? -Sockets.TryAgain : -Sockets.ConnectionReset;
    }

    private int ReceivePlain(int maxBytes)
    {
        int received = _inner.Receive(_memory.Input, maxBytes);
        if (received == 0) InputEnded = true;
        if (received > 0 && !_upgrade.IsDone) _body.Skip(received);
        return received;
    }

    // Passes requests to the input's beginning, as many as there is room for.
    private int Pass(ReadOnlySpan<byte> source, int maxBytes, out int taken)
    {
        var output = new Span<byte>(_memory.Input, maxBytes);
        int written = 0;
        taken = 0;
        while (taken < source.Length && Refusal == HttpRefusal.None && !_upgrade.IsAwaited)
        {
            ReadOnlySpan<byte> rest = source[taken..];
            if (_upgrade.IsDone || !_body.HasEnded)
            {
                rest = rest[..Math.Min(rest.Length, maxBytes - written)];
                if (rest.IsEmpty) break;
                int used = rest.Length, passed = rest.Length;
                if (_upgrade.IsDone) rest.CopyTo(output[written..]);
                else if (!_body.TryPass(rest, output[written..], out used, out passed)) Refuse(HttpRefusal.BadRequest);
                taken += used;
                written += passed;
            }
            else if (rest.StartsWith("\r\n"u8))
            {
                taken += 2; // RFC 9112, 2.2: an empty line in front of a request
                _searched = 0;
            }
            else
            {
                int end = HttpRequestHead.EndOf(rest, _searched);
                _searched = end < 0 ? rest.Length : 0;
                if (end > _rules.MaxHeadBytes || end < 0 && rest.Length >= _rules.MaxHeadBytes) Refuse(HttpRefusal.HeadTooLarge);
                else if (end < 0 || !TryPassHead(rest[..end], output[written..], written == 0, out int passed)) break;
                else
                {
                    taken += end;
                    written += passed;
                    if (_readyEnd > _readyStart) break;
                }
            }
        }
        return written;
    }

    // False when it has to wait for room, or is refused.
    private bool TryPassHead(ReadOnlySpan<byte> bytes, Span<byte> output, bool isFirst, out int written)
    {
        written = 0;
        int needed = bytes.Length + GrowthBytes;
        if (needed > output.Length && !isFirst) return false;
        HttpRefusal refusal = HttpRequestHead.TryParse(bytes, out HttpRequestHead head);
        if (refusal == HttpRefusal.None && _login is not null)
        {
            LoginStep step = _login.Check(head.Authorization);
            if (step == LoginStep.Waits) return false;
            if (step == LoginStep.Unknown && Passed == 0 && !head.HasBody)
            {
                _counters.Challenges++;
                return _inner.Write(HttpAnswer.Challenge);
            }
            refusal = step switch { LoginStep.Passed => HttpRefusal.None, LoginStep.Busy => HttpRefusal.Unavailable, _ => HttpRefusal.Unauthorized };
        }
        if (refusal == HttpRefusal.None && needed > output.Length && !_memory.TryRentInput(needed, out _ready)) refusal = HttpRefusal.Unavailable;
        if (refusal != HttpRefusal.None)
        {
            Refuse(refusal);
            return false;
        }
        // Only the first answer is known to be that of the first request.
        bool upgrades = head.UpgradesToWebSocket && Passed == 0;
        HttpLeft left = (upgrades ? HttpLeft.Upgrade : 0) | (_rules.Forwarded == Forwarded.Append ? HttpLeft.ForwardedFor : 0) | (_login is null ? HttpLeft.Authorization : 0);
        if (needed > output.Length) _readyEnd = head.Write(_ready.Span, _login?.Fields ?? _added, left);
        else written = head.Write(output, _login?.Fields ?? _added, left);
        if (upgrades) _upgrade.Await();
        _body = HttpBody.After(head);
        Passed++;
        _counters.Requests++;
        return true;
    }

    private int Drain(int maxBytes)
    {
        int part = Math.Min(maxBytes, _readyEnd - _readyStart);
        _ready.Span.Slice(_readyStart, part).CopyTo(new Span<byte>(_memory.Input, part));
        _readyStart += part;
        if (_readyStart == _readyEnd) ReleaseReady();
        return part;
    }

    private bool Hold(ReadOnlySpan<byte> bytes)
    {
        if (!_memory.TryRentInput(Math.Max(bytes.Length, SmallestHeldBytes), out _held)) return false;
        bytes.CopyTo(_held.Span);
        _heldStart = 0;
        _heldEnd = bytes.Length;
        return true;
    }

    private int ReceiveBehindHeld(int maxBytes)
    {
        if (_heldEnd == _held.Capacity)
        {
            if (!_memory.TryRentInput(2 * HeldBytes, out NativeBlock larger))
            {
                Refuse(HttpRefusal.Unavailable);
                return -Sockets.ConnectionReset;
            }
            int bytes = HeldBytes;
            _held.Span[_heldStart.._heldEnd].CopyTo(larger.Span);
            _memory.Pool.Return(ref _held);
            _held = larger;
            _heldStart = 0;
            _heldEnd = bytes;
        }
        int received = _inner.Receive(_held.Pointer + _heldEnd, Math.Min(maxBytes, _held.Capacity - _heldEnd));
        if (received > 0) _heldEnd += received;
        return received;
    }

    private void Release()
    {
        _memory.Pool.Return(ref _held);
        _heldStart = _heldEnd = 0;
    }

    private void ReleaseReady()
    {
        _memory.Pool.Return(ref _ready);
        _readyStart = _readyEnd = 0;
    }

    private void ReleaseAll()
    {
        Release();
        ReleaseReady();
    }
}
