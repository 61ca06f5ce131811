using System.Buffers;
using Appliance.State;

namespace Appliance.Listeners.Resp;

/// <summary>Keys that a client watches, each with the version it had (C1: a value unique to every change tells whether an object is still the one that was read).</summary>
internal sealed class WatchList
{
    private readonly record struct Entry(int Start, int Length, bool Exists, ulong Version);

    private GrowableBytes _keys;
    private Entry[] _entries = [];

    /// <summary>Keys watched.</summary>
    public int Count { get; private set; }

    /// <summary>Watches a key from now on; a key already watched keeps its first version. False when no memory is left.</summary>
    public bool TryAdd(ReadOnlySpan<byte> key, IServiceStore store, NativeBufferPool pool)
    {
        for (int i = 0; i < Count; i++)
        {
            if (KeyOf(_entries[i]).SequenceEqual(key)) return true;
        }
        int start = _keys.Length;
        if (!_keys.TryAppend(pool, key)) return false;
        if (Count == _entries.Length)
        {
            Entry[] larger = ArrayPool<Entry>.Shared.Rent(Math.Max(16, 2 * Count));
            _entries.CopyTo(larger, 0);
            if (_entries.Length > 0) ArrayPool<Entry>.Shared.Return(_entries);
            _entries = larger;
        }
        bool exists = store.TryRead(key, out StoredValue value);
        _entries[Count++] = new Entry(start, key.Length, exists, value.Version);
        return true;
    }

    /// <summary>Whether any of the keys was changed, deleted, created or has expired since.</summary>
    public bool HasChanged(IServiceStore store)
    {
        for (int i = 0; i < Count; i++)
        {
            Entry entry = _entries[i];
            bool exists = store.TryRead(KeyOf(entry), out StoredValue value);
            // A key that was absent and is absent was created and deleted meanwhile if a newer deletion is remembered than then.
            if (exists || entry.Exists ? exists != entry.Exists || value.Version != entry.Version : value.Version > entry.Version) return true;
        }
        return false;
    }

    /// <summary>Watches nothing any more.</summary>
    public void Release(NativeBufferPool pool)
    {
        _keys.Release(pool);
        if (_entries.Length > 0) ArrayPool<Entry>.Shared.Return(_entries);
        _entries = [];
        Count = 0;
    }

    private ReadOnlySpan<byte> KeyOf(Entry entry) => _keys.Bytes.Slice(entry.Start, entry.Length);
}
