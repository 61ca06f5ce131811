using System.Text;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Listeners.Tls;

/// <summary>What became of a lookup.</summary>
internal enum SessionLookup
{
    /// <summary>It is there.</summary>
    Found,

    /// <summary>There is none of that id.</summary>
    Unknown,

    /// <summary>It may no longer be resumed.</summary>
    Expired,
}

/// <summary>
/// The TLS sessions of a service between the loop that shakes hands and the loop that writes the service's state (A5, A6). Finding one is a lookup in the
/// mirrored table without a lock; new ones go through a bounded queue, and one that finds it full is not kept: its client will make a full handshake.
/// </summary>
/// <remarks>Keys are <c>tls:</c> and the session id in hexadecimal (docs/state.md). The queue is memory for secrets; what was taken from it is overwritten.</remarks>
internal sealed unsafe class TlsSessions : IRoundHandler, IDisposable
{
    /// <summary>Longest session as DER with its identity; one with a longer client certificate inside is not kept.</summary>
    internal const int MaxSessionBytes = SlotBytes - SlotHeaderBytes - MaxKeyBytes - ValueHeaderBytes;

    private const int Slots = 512, SlotBytes = 4096;              // a pause of 50 ms at 10,000 handshakes per second
    private const int SlotHeaderBytes = 16, ValueHeaderBytes = 64; // lengths and expiry; TlsSessionView's header and id
    private const int PrefixBytes = 4, MaxKeyBytes = PrefixBytes + 2 * TlsSessionView.MaxIdBytes;
    private readonly EventLoop _stateLoop;
    private readonly IServiceStore _store;
    private readonly StateTable _table;
    private readonly SecretMemory _queue = new(Slots * SlotBytes);
    private readonly SecretMemory _found = new(SlotBytes);
    private readonly byte[] _spent = new byte[Slots * TlsSessionView.MaxIdBytes]; // the last ones, whose deletion may still be in the queue
    private int _spentAt;
    private bool _isPrimary; // by the writing loop
    private long _written; // by the handshaking loop
    private long _taken;   // by the writing loop
    private Timestamp _retryAt = Timestamp.Never;

    /// <param name="stateLoop">The loop of the store.</param>
    /// <param name="store">Where sessions are written.</param>
    /// <param name="table">Where they are found: the store's keys.</param>
    internal TlsSessions(EventLoop stateLoop, IServiceStore store, StateTable table)
    {
        _stateLoop = stateLoop;
        _store = store;
        _table = table;
        stateLoop.Add(this);
    }

    /// <summary>Sessions written to the table. Loop of the store; read by any thread.</summary>
    internal long Mirrored;

    /// <summary>Sessions not kept because this node is not the service's primary. Loop of the store; read by any thread.</summary>
    internal long DroppedElsewhere;

    /// <summary>Sessions not kept because the store refused them. Loop of the store; read by any thread.</summary>
    internal long DroppedRefused;

    /// <summary>Sessions not kept because the queue was full, or they were too long. Loop of the handshakes.</summary>
    internal long DroppedFull;

    /// <inheritdoc/>
    public Timestamp NextDeadline => _retryAt;

    /// <summary>Queues a session for the table; never waits. Loop of the handshakes.</summary>
    /// <param name="id">1 to 32 bytes.</param>
    /// <param name="session">OpenSSL's.</param>
    /// <param name="identity">Who the client has proved to be, in UTF-8; empty for nobody.</param>
    /// <param name="expiryMilliseconds">Since the Unix epoch.</param>
    internal void Add(ReadOnlySpan<byte> id, nint session, ReadOnlySpan<byte> identity, long expiryMilliseconds)
    {
        int bytes = OpenSsl.i2d_SSL_SESSION(session, null);
        if (bytes < 1 || bytes + identity.Length > MaxSessionBytes || _written - Volatile.Read(ref _taken) == Slots)
        {
            DroppedFull++;
            return;
        }
        byte* slot = Slot(_written);
        var key = new Span<byte>(slot + SlotHeaderBytes, MaxKeyBytes);
        int keyBytes = WriteKey(key, id);
        // The DER is written where the value wants it, so that no copy of the secret is left.
        Span<byte> value = new(slot + SlotHeaderBytes + keyBytes, SlotBytes - SlotHeaderBytes - keyBytes);
        int valueBytes = TlsSessionView.Write(value, id, bytes, identity, expiryMilliseconds, out int at);
        byte* der = slot + SlotHeaderBytes + keyBytes + at;
        OpenSsl.i2d_SSL_SESSION(session, &der);
        ((int*)slot)[0] = keyBytes;
        ((int*)slot)[1] = valueBytes;
        ((long*)slot)[1] = expiryMilliseconds;
        Volatile.Write(ref _written, _written + 1);
        _stateLoop.Wake();
    }

    /// <summary>Uses up a session that was found: it is deleted at every node. Loop of the handshakes.</summary>
    /// <returns>False when it was used before, or this node cannot know: only the primary deletes.</returns>
    internal bool TrySpend(ReadOnlySpan<byte> id)
    {
        if (!Volatile.Read(ref _isPrimary) || _written - Volatile.Read(ref _taken) == Slots) return false;
        Span<byte> full = stackalloc byte[TlsSessionView.MaxIdBytes];
        full.Clear();
        id.CopyTo(full);
        for (int at = 0; at < _spent.Length; at += full.Length)
        {
            if (full.SequenceEqual(_spent.AsSpan(at, full.Length))) return false;
        }
        full.CopyTo(_spent.AsSpan(_spentAt));
        _spentAt = (_spentAt + full.Length) % _spent.Length;
        byte* slot = Slot(_written);
        ((int*)slot)[0] = WriteKey(new Span<byte>(slot + SlotHeaderBytes, MaxKeyBytes), id);
        ((int*)slot)[1] = 0; // no value: it is deleted
        Volatile.Write(ref _written, _written + 1);
        _stateLoop.Wake();
        return true;
    }

    /// <summary>Finds a session. Loop of the handshakes.</summary>
    /// <param name="id">As the client sent it.</param>
    /// <param name="nowMilliseconds">Wall time.</param>
    /// <param name="session">An OpenSSL session that the caller frees; 0 unless found.</param>
    internal SessionLookup Find(ReadOnlySpan<byte> id, long nowMilliseconds, out nint session)
    {
        session = 0;
        if (id.IsEmpty || id.Length > TlsSessionView.MaxIdBytes) return SessionLookup.Unknown;
        Span<byte> key = stackalloc byte[MaxKeyBytes];
        key = key[..WriteKey(key, id)];
        if (!_table.TryGet(key, _table.Hash(key), _found.Span, out RecordHeader header, out int bytes) || header.Tombstone || header.Kind != RecordKind.TlsSession || bytes > SlotBytes)
            return SessionLookup.Unknown;
        ReadOnlySpan<byte> value = _found.Span[..bytes];
        SessionLookup result = SessionLookup.Unknown;
        if (TlsSessionView.TryParse(value, out TlsSessionView view) && view.SessionId.SequenceEqual(id))
        {
            if (view.ExpiryMilliseconds <= nowMilliseconds) result = SessionLookup.Expired;
            else
            {
                fixed (byte* der = view.Session)
                {
                    byte* at = der;
                    session = OpenSsl.d2i_SSL_SESSION(null, &at, view.Session.Length);
                }
                if (session != 0) result = SessionLookup.Found;
            }
        }
        OpenSsl.OPENSSL_cleanse(_found.Start, (nuint)bytes);
        return result;
    }

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        _retryAt = Timestamp.Never;
        Volatile.Write(ref _isPrimary, _store.IsPrimary);
        while (_taken < Volatile.Read(ref _written))
        {
            byte* slot = Slot(_taken);
            int keyBytes = ((int*)slot)[0], valueBytes = ((int*)slot)[1];
            ReadOnlySpan<byte> key = new(slot + SlotHeaderBytes, keyBytes), value = new(slot + SlotHeaderBytes + keyBytes, valueBytes);
            WriteRefusal refusal = _store.CheckWrite(key, valueBytes);
            if (refusal == WriteRefusal.Busy)
            {
                _retryAt = now + TimeSpan.FromMilliseconds(1);
                return;
            }
            if (refusal == WriteRefusal.None && valueBytes == 0) _store.Delete(key);
            else if (refusal == WriteRefusal.None)
            {
                _store.Set(key, value, ((long*)slot)[1], RecordKind.TlsSession);
                Mirrored++;
            }
            else if (refusal is WriteRefusal.NotPrimary or WriteRefusal.Recovering) DroppedElsewhere++;
            else DroppedRefused++;
            OpenSsl.OPENSSL_cleanse(slot, (nuint)(SlotHeaderBytes + keyBytes + valueBytes));
            Volatile.Write(ref _taken, _taken + 1);
        }
    }

    /// <summary>When both loops have stopped.</summary>
    public void Dispose()
    {
        _queue.Dispose();
        _found.Dispose();
    }

    private static int WriteKey(Span<byte> key, ReadOnlySpan<byte> id)
    {
        "tls:"u8.CopyTo(key);
        Convert.TryToHexStringLower(id, key[PrefixBytes..], out int written);
        return PrefixBytes + written;
    }

    private byte* Slot(long number) => _queue.Start + number % Slots * SlotBytes;
}
