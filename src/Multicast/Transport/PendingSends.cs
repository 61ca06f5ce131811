using System.Runtime.InteropServices;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>Runs of datagrams that the kernel would not take yet, in order, in one bounded block of native memory.</summary>
internal sealed unsafe class PendingSends : IDisposable
{
    /// <summary>What a run needs beside its bytes.</summary>
    private struct Entry
    {
        public NativeAddress Destination;
        public int Bytes;
        public int Consumed;
        public int DatagramBytes;
    }

    private readonly int _capacity;
    private byte* _block;
    private int _head, _tail;

    internal PendingSends(int capacityBytes)
    {
        _capacity = capacityBytes;
        _block = (byte*)NativeMemory.Alloc((nuint)capacityBytes);
    }

    internal bool IsEmpty => _head == _tail;

    /// <summary>Bytes in use.</summary>
    internal int Bytes => _tail - _head;

    /// <summary>Keeps a copy of a run; false when it does not fit.</summary>
    internal bool TryAdd(ref NativeAddress destination, ReadOnlySpan<byte> datagrams, int datagramBytes)
    {
        int needed = SpaceFor(datagrams.Length);
        if (needed > _capacity - _tail) Compact();
        if (needed > _capacity - _tail) return false;
        *(Entry*)(_block + _tail) = new Entry { Destination = destination, Bytes = datagrams.Length, DatagramBytes = datagramBytes };
        datagrams.CopyTo(new Span<byte>(_block + _tail + sizeof(Entry), datagrams.Length));
        _tail += needed;
        return true;
    }

    /// <summary>What is left of the oldest run. Only when not empty; valid until the next change.</summary>
    internal ReadOnlySpan<byte> Peek(out NativeAddress destination, out int datagramBytes)
    {
        Entry* entry = (Entry*)(_block + _head);
        destination = entry->Destination;
        datagramBytes = entry->DatagramBytes;
        return new ReadOnlySpan<byte>((byte*)(entry + 1), entry->Bytes)[entry->Consumed..];
    }

    /// <summary>Forgets the next bytes of the oldest run; the run goes when nothing of it is left.</summary>
    internal void Consume(int bytes)
    {
        Entry* entry = (Entry*)(_block + _head);
        entry->Consumed += bytes;
        if (entry->Consumed < entry->Bytes) return;
        _head += SpaceFor(entry->Bytes);
        if (_head == _tail) _head = _tail = 0;
    }

    public void Dispose()
    {
        NativeMemory.Free(_block);
        _block = null;
    }

    private void Compact()
    {
        Buffer.MemoryCopy(_block + _head, _block, _capacity, _tail - _head);
        _tail -= _head;
        _head = 0;
    }

    // Entries stay aligned to eight bytes.
    private static int SpaceFor(int bytes) => sizeof(Entry) + ((bytes + 7) & ~7);
}
