using System.Runtime.InteropServices;
using Appliance.Multicast;

namespace Appliance.LiveConnections;

/// <summary>
/// Segments that came before their connection was recorded: a client may send as soon as its handshake is done, before the relay has accepted. Bounded; memory is native. One thread.
/// </summary>
internal sealed unsafe class ParkedPackets : IDisposable
{
    /// <summary>Most segments.</summary>
    internal const int MostEntries = 512;

    /// <summary>Most bytes of them.</summary>
    internal const int MostBytes = 8 << 20;

    /// <summary>A relay accepts within milliseconds. What waited so long is for no connection of ours, and its sender must get the kernel's answer: nobody sends again in vain for ever.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private readonly Queue<Entry> _entries = new(MostEntries);
    private long _bytes;

    /// <summary>One of them.</summary>
    internal readonly struct Entry
    {
        internal uint Id { get; init; }

        internal byte* Bytes { get; init; }

        internal int Length { get; init; }

        internal bool IsUnverified { get; init; }

        internal Timestamp Until { get; init; }

        internal Span<byte> Datagram => new(Bytes, Length);
    }

    internal int Count => _entries.Count;

    internal bool TryAdd(uint id, ReadOnlySpan<byte> datagram, bool isUnverified, Timestamp now)
    {
        if (_entries.Count == MostEntries || _bytes + datagram.Length > MostBytes) return false;
        var bytes = (byte*)NativeMemory.Alloc((nuint)datagram.Length);
        datagram.CopyTo(new Span<byte>(bytes, datagram.Length));
        _bytes += datagram.Length;
        _entries.Enqueue(new Entry { Id = id, Bytes = bytes, Length = datagram.Length, IsUnverified = isUnverified, Until = now + Patience });
        return true;
    }

    /// <summary>The oldest; <see cref="PutBack"/> or <see cref="Free"/> follows.</summary>
    internal Entry Take() => _entries.Dequeue();

    internal void PutBack(Entry entry) => _entries.Enqueue(entry);

    internal void Free(Entry entry)
    {
        _bytes -= entry.Length;
        NativeMemory.Free(entry.Bytes);
    }

    public void Dispose()
    {
        while (_entries.TryDequeue(out Entry entry)) Free(entry);
    }
}
