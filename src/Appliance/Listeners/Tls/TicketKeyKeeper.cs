using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Listeners.Tls;

/// <summary>
/// Keeps the ticket keys of a service in its mirrored state: the primary makes and rotates them, every node gives what it sees there to its listeners. They
/// are never on disk. A new key opens at once and seals a second later, when all nodes have it; an old one opens until no ticket under it can live. Loop of the store.
/// </summary>
internal sealed unsafe class TicketKeyKeeper : IRoundHandler, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);
    private const long SpreadMilliseconds = 1000;
    private readonly IServiceStore _store;
    private readonly SecretMemory _known = new(TicketKeysView.MaxBytes); // as last seen: what makes the record again when it was evicted or deleted
    private int _knownBytes;
    private ulong _version;
    private int _sealing = -1;
    private Timestamp _due;

    /// <param name="loop">The loop of the store.</param>
    /// <param name="store">Where the keys are kept.</param>
    internal TicketKeyKeeper(EventLoop loop, IServiceStore store)
    {
        _store = store;
        loop.Add(this);
    }

    /// <summary>Take the keys to the listeners of this node, each a copy that it disposes of.</summary>
    internal List<Action<TicketKeys>> Users { get; } = [];

    /// <summary>A new key is made when the newest is so old.</summary>
    internal TimeSpan Rotation { get; set; } = TimeSpan.FromHours(12);

    /// <summary>Tickets live so long: a key that no longer seals opens for as long.</summary>
    internal TimeSpan TicketLifetime { get; set; } = TimeSpan.FromHours(2);

    /// <summary>The number of the key that seals here; 0 before there is one.</summary>
    internal uint Epoch { get; private set; }

    /// <inheritdoc/>
    public Timestamp NextDeadline => _due;

    private static ReadOnlySpan<byte> Key => TicketKeysView.RecordKey;

    /// <summary>Takes times from a listener; of several in one service, the shortest rotation and the longest life of a ticket.</summary>
    internal void Use(ListenerOptions options)
    {
        Rotation = Users.Count > 1 && Rotation < options.TicketRotation ? Rotation : options.TicketRotation;
        TicketLifetime = Users.Count > 1 && TicketLifetime > options.SessionLifetime ? TicketLifetime : options.SessionLifetime;
    }

    /// <summary>Makes a new key now.</summary>
    /// <returns>Why not; null when it was done.</returns>
    internal string? Rotate()
    {
        if (!_store.IsPrimary) return $"this node is not the primary of {_store.Name}{(_store.PrimaryName is { } primary ? $": ask {primary}" : "")}";
        Read();
        return Write(_store.NowMilliseconds, makesKey: true) switch
        {
            WriteRefusal.None => null,
            WriteRefusal refusal => $"the state of {_store.Name} cannot be written now ({refusal})",
        };
    }

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        if (now < _due) return;
        _due = now + Interval;
        bool isThere = Read();
        if (!_store.IsPrimary) return;
        long wall = _store.NowMilliseconds;
        TicketKeysView.TryParse(_known.Span[.._knownBytes], out TicketKeysView keys);
        bool isOld = _knownBytes == 0 || wall - keys.CreatedMilliseconds(keys.Count - 1) >= (long)Rotation.TotalMilliseconds;
        bool hasDead = _knownBytes > 0 && keys.Count > 1 && IsDead(keys.CreatedMilliseconds(1), wall);
        if (!isThere || isOld || hasDead) Write(wall, isOld); // refused: the next round tries again
    }

    /// <inheritdoc/>
    public void Dispose() => _known.Dispose();

    // Answers whether the record is there.
    private bool Read()
    {
        if (!_store.TryRead(Key, out StoredValue value) || value.Kind != RecordKind.TicketKeys || !TicketKeysView.TryParse(value.Bytes, out TicketKeysView keys)) return false;
        int sealing = SealingOf(keys);
        if (value.Version == _version && sealing == _sealing) return true;
        _version = value.Version;
        _sealing = sealing;
        value.Bytes.CopyTo(_known.Span);
        _knownBytes = value.Bytes.Length;
        Epoch = keys.Epoch(sealing);
        foreach (Action<TicketKeys> use in Users) use(TicketKeys.Copy(keys, sealing));
        return true;
    }

    private int SealingOf(in TicketKeysView keys)
    {
        int newest = keys.Count - 1;
        return newest > 0 && _store.NowMilliseconds - keys.CreatedMilliseconds(newest) < SpreadMilliseconds ? newest - 1 : newest;
    }

    // A key dies when the one after it has sealed for as long as tickets live.
    private bool IsDead(long nextCreatedMilliseconds, long wall) => wall - nextCreatedMilliseconds > (long)TicketLifetime.TotalMilliseconds + SpreadMilliseconds;

    private WriteRefusal Write(long wall, bool makesKey)
    {
        WriteRefusal refusal = _store.CheckWrite(Key, TicketKeysView.MaxBytes);
        if (refusal != WriteRefusal.None) return refusal;
        using var next = new SecretMemory(TicketKeysView.MaxBytes);
        TicketKeysView.TryParse(_known.Span[.._knownBytes], out TicketKeysView keys);
        int known = _knownBytes == 0 ? 0 : keys.Count, first = 0, count = 0;
        while (first + 1 < known && IsDead(keys.CreatedMilliseconds(first + 1), wall)) first++;
        if (makesKey && known - first == TicketKeysView.MaxKeys) first++;
        for (int i = first; i < known; i++)
        {
            Span<byte> kept = TicketKeysView.KeyAt(next.Span, count++);
            TicketKeysView.WriteKey(kept, keys.Epoch(i), keys.CreatedMilliseconds(i));
            keys.Secret(i).CopyTo(kept[12..]);
        }
        if (makesKey)
        {
            Span<byte> made = TicketKeysView.KeyAt(next.Span, count++);
            TicketKeysView.WriteKey(made, known == 0 ? 1 : keys.Epoch(known - 1) + 1, wall);
            fixed (byte* secret = made[12..])
            {
                if (OpenSsl.RAND_bytes(secret, TicketKeysView.SecretBytes) != 1) return WriteRefusal.OutOfMemory; // no randomness: no key
            }
        }
        _store.Set(Key, next.Span[..TicketKeysView.WriteHeader(next.Span, count)], 0, RecordKind.TicketKeys);
        Read();
        return WriteRefusal.None;
    }
}
