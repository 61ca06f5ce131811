using System.Runtime.InteropServices;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>Received heartbeats on their way from the heartbeat thread to the loop: one producer, one consumer, bounded, native memory, no lock.</summary>
internal sealed unsafe class HeartbeatRing : IDisposable
{
    /// <summary>A power of two. 256: sixteen members' beats of 300 ms at 20 ms, longer than any pause after which they would still matter.</summary>
    internal const int Slots = 256;

    private struct Header
    {
        public long ReceivedNanoseconds;
        public NativeAddress Source;
        public byte Path;
        public int Length;
    }

    private readonly int _slotBytes;
    private readonly int _maxBytes;
    private byte* _memory;
    private long _written; // by the producer only
    private long _read;    // by the consumer only
    private long _overruns;

    internal HeartbeatRing(int maxDatagramBytes)
    {
        _maxBytes = maxDatagramBytes;
        _slotBytes = (sizeof(Header) + maxDatagramBytes + 63) & ~63;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)(Slots * _slotBytes), 64);
    }

    /// <summary>Heartbeats dropped because the consumer had not emptied the ring. Any thread.</summary>
    internal long Overruns => Volatile.Read(ref _overruns);

    /// <summary>Producer: half of it is in use; the consumer had better come now.</summary>
    internal bool IsFilling => _written - Volatile.Read(ref _read) >= Slots / 2;

    /// <summary>Producer: keeps a copy; a full ring drops it (the next beat brings the same and newer).</summary>
    internal bool TryWrite(Timestamp received, ref NativeAddress source, byte path, ReadOnlySpan<byte> datagram)
    {
        if (_written - Volatile.Read(ref _read) == Slots || datagram.Length > _maxBytes)
        {
            Volatile.Write(ref _overruns, _overruns + 1);
            return false;
        }
        Header* header = SlotOf(_written);
        *header = new Header { ReceivedNanoseconds = received.Nanoseconds, Source = source, Path = path, Length = datagram.Length };
        datagram.CopyTo(new Span<byte>(header + 1, _maxBytes));
        Volatile.Write(ref _written, _written + 1);
        return true;
    }

    /// <summary>Consumer: the oldest heartbeat; valid until <see cref="Advance"/>.</summary>
    internal bool TryPeek(out Timestamp received, out NativeAddress source, out byte path, out Span<byte> datagram)
    {
        if (_read == Volatile.Read(ref _written))
        {
            received = default;
            source = default;
            path = 0;
            datagram = default;
            return false;
        }
        Header* header = SlotOf(_read);
        received = new Timestamp(header->ReceivedNanoseconds);
        source = header->Source;
        path = header->Path;
        datagram = new Span<byte>(header + 1, header->Length);
        return true;
    }

    /// <summary>Consumer: gives the oldest slot back.</summary>
    internal void Advance() => Volatile.Write(ref _read, _read + 1);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }

    private Header* SlotOf(long position) => (Header*)(_memory + (position & (Slots - 1)) * _slotBytes);
}
