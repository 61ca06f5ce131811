using System.Buffers.Binary;
using System.Net;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>What the heartbeat thread needs of the engine. Rules P-80, P-15 and P-100 to P-102.</summary>
/// <remarks>
/// <see cref="TryWrite"/> may run on another thread than the engine, without locks; at most one thread calls it. It has a cipher and a counter of its own.
/// The engine publishes the body under a sequence lock; a reader that meets a writer tries again a few times and then leaves the beat out.
/// </remarks>
internal sealed class HeartbeatSource
{
    private const int Attempts = 100;
    private readonly EngineContext _context;
    private readonly byte[] _body;
    private readonly long[] _receivedAt;
    private readonly byte[] _extension = new byte[BeatView.MaxExtensionBytes];
    private int _version;
    private int _length;
    private int _entries;
    private int _extensionLength;
    private long _extensionUntil;
    private ulong _highest;
    private ulong _oldest = 1;
    private ulong _counter;
    private byte _wireVersion;
    private volatile bool _stopped;
    private volatile StreamCipher? _cipher;
    private volatile IPEndPoint[] _unicastDestinations = [];

    public HeartbeatSource(EngineContext context)
    {
        _context = context;
        _body = new byte[context.Options.DatagramBytes];
        _receivedAt = new long[BeatView.MaxEntries(context.Options.DatagramBytes)];
        _cipher = context.Keys.CreateForHeartbeats();
        _wireVersion = context.WireVersion;
        _length = BeatView.HeaderBytes;
        BeatView.WriteHeader(_body, 0, 0, 0, 1, context.StateNumber, BeatFlags.AllEntries, 0);
    }

    /// <summary>Members that must get the heartbeat by unicast as well, because multicast does not arrive there. An array that is replaced, never changed.</summary>
    public IPEndPoint[] UnicastDestinations => _unicastDestinations;

    /// <summary>Builds a sealed HEARTBEAT.</summary>
    /// <param name="now">Read just before.</param>
    /// <param name="wallMilliseconds">Wall time.</param>
    /// <param name="destination">At least <see cref="EngineOptions.DatagramBytes"/> long.</param>
    /// <returns>Length of the datagram; 0 when there is nothing to send now.</returns>
    public int TryWrite(Timestamp now, long wallMilliseconds, Span<byte> destination)
    {
        if (_stopped) return 0;
        var body = destination[DatagramHeader.Bytes..];
        int length = CopyBody(now, body);
        if (length == 0) return 0;
        BinaryPrimitives.WriteUInt64BigEndian(body, (ulong)now.Nanoseconds);
        BinaryPrimitives.WriteInt64BigEndian(body[8..], wallMilliseconds);
        ulong oldest = Volatile.Read(ref _oldest);         // before the highest, which is never lower
        BinaryPrimitives.WriteUInt64BigEndian(body[16..], Math.Max(Volatile.Read(ref _highest), oldest - 1));
        BinaryPrimitives.WriteUInt64BigEndian(body[24..], oldest);
        var cipher = _cipher;
        var flags = cipher is null ? DatagramFlags.None : DatagramFlags.Sealed;
        DatagramHeader.Write(destination, Volatile.Read(ref _wireVersion), DatagramType.Heartbeat, flags, _context.Group, _context.Self, _context.Identity.Incarnation,
            ++_counter, cipher?.KeyId ?? 0, length);
        if (cipher is null) return DatagramHeader.Bytes + length;
        int total = DatagramHeader.Bytes + length + DatagramHeader.TagBytes;
        cipher.Seal(destination[..total], DatagramHeader.Bytes);
        return total;
    }

    /// <summary>Engine: the position of the stream.</summary>
    internal void PublishPosition(ulong highest, ulong oldest)
    {
        Volatile.Write(ref _highest, highest);
        Volatile.Write(ref _oldest, oldest);
    }

    /// <summary>Engine: begins to change the body.</summary>
    internal Span<byte> BeginPublish()
    {
        Volatile.Write(ref _version, _version + 1);
        Interlocked.MemoryBarrier();
        return _body;
    }

    /// <summary>Engine: when the beat that entry <paramref name="index"/> echoes was received.</summary>
    internal void SetReceivedAt(int index, Timestamp receivedAt) => _receivedAt[index] = receivedAt.Nanoseconds;

    /// <summary>Engine: the body is complete.</summary>
    internal void EndPublish(int entries)
    {
        _entries = entries;
        _length = BeatView.HeaderBytes + entries * BeatView.EntryBytes;
        Volatile.Write(ref _wireVersion, _context.WireVersion);
        Volatile.Write(ref _version, _version + 1);
    }

    /// <summary>Engine: what the layer above says in every beat until a time (P-102).</summary>
    internal void PublishExtension(ReadOnlySpan<byte> extension, Timestamp validUntil)
    {
        Volatile.Write(ref _version, _version + 1);
        Interlocked.MemoryBarrier();
        extension.CopyTo(_extension);
        _extensionLength = extension.Length;
        Volatile.Write(ref _extensionUntil, validUntil.Nanoseconds);
        Volatile.Write(ref _version, _version + 1);
    }

    /// <summary>Engine: the extension that a beat sent now carries. On the engine's thread, which alone writes it.</summary>
    internal ReadOnlySpan<byte> ExtensionAt(Timestamp now) => now.Nanoseconds < _extensionUntil ? _extension.AsSpan(0, _extensionLength) : default;

    /// <summary>Engine: another key seals. The old cipher is left to the collector: the other thread may be using it.</summary>
    internal void ReplaceCipher() => _cipher = _context.Keys.CreateForHeartbeats();

    /// <summary>Engine: the members that multicast does not reach.</summary>
    internal void SetUnicastDestinations(IPEndPoint[] destinations) => _unicastDestinations = destinations;

    /// <summary>Engine: this node left.</summary>
    internal void Stop() => _stopped = true;

    private int CopyBody(Timestamp now, Span<byte> body)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            int version = Volatile.Read(ref _version);
            if ((version & 1) != 0) continue;
            int length = Math.Min(_length, body.Length - DatagramHeader.TagBytes), entries = Math.Min(_entries, _receivedAt.Length);
            _body.AsSpan(0, length).CopyTo(body);
            for (int i = 0; i < entries; i++)
            {
                long held = Math.Max(0, now.Nanoseconds - Volatile.Read(ref _receivedAt[i])) / 1000;
                BinaryPrimitives.WriteUInt32BigEndian(body[(BeatView.HeaderBytes + i * BeatView.EntryBytes + BeatView.HeldOffset)..], (uint)Math.Min(held, uint.MaxValue));
            }
            if (now.Nanoseconds < Volatile.Read(ref _extensionUntil))
            {
                int room = Math.Min(_extension.Length, body.Length - DatagramHeader.TagBytes - length);
                int extension = Math.Clamp(Volatile.Read(ref _extensionLength), 0, room);          // what is read while it is written must stay within bounds
                _extension.AsSpan(0, extension).CopyTo(body[length..]);
                BinaryPrimitives.WriteUInt16BigEndian(body[BeatView.ExtensionLengthOffset..], (ushort)extension);
                length += extension;
            }
            Interlocked.MemoryBarrier();
            if (Volatile.Read(ref _version) == version) return length;
        }
        return 0;
    }
}
