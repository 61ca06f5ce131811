using System.Buffers.Binary;
using Appliance.Multicast;

namespace Appliance.State;

/// <summary>The keys of one service on this node (see <see cref="IServiceStore"/> for how listeners use it). Loop thread only.</summary>
/// <remarks>A write goes first into the tables, then to the publisher, in the same call: what a reader here sees is what the stream carries, in the same order.</remarks>
internal sealed class ServiceStore : IServiceStore, IDisposable
{
    private const int ScanHandles = 256;
    private readonly IServiceContext _context;
    private readonly List<IStoreObserver> _observers = [];
    private readonly uint[] _scanHandles = new uint[ScanHandles];
    private readonly byte[] _fieldKey;
    private readonly byte[] _generation = new byte[RecordCodec.GenerationBytes];
    private bool _isWriteWaiting;
    private long _roomWanted;
    private bool _inBatch;

    /// <param name="context">The node around it.</param>
    /// <param name="publisher">Where writes go.</param>
    /// <param name="hash">The group's hash.</param>
    /// <param name="limits">Sizes.</param>
    internal ServiceStore(IServiceContext context, ServicePublisher publisher, BuzHash hash, StoreLimits limits)
    {
        _context = context;
        Publisher = publisher;
        Limits = limits;
        Tables = new RecordTables(hash, limits.MemoryBytes, limits.MaxKeyBytes, limits.MaxValueBytes);
        Memory = new MemoryGuard(this, limits.RandomSeed);
        _fieldKey = new byte[Math.Min(ushort.MaxValue, HashFieldKey.Bytes(limits.MaxKeyBytes, limits.MaxKeyBytes))];
    }

    /// <summary>The records.</summary>
    internal RecordTables Tables { get; }

    /// <summary>Versions, batches, acknowledgements.</summary>
    internal ServicePublisher Publisher { get; }

    /// <summary>Room for writes.</summary>
    internal MemoryGuard Memory { get; }

    /// <summary>Sizes.</summary>
    internal StoreLimits Limits { get; }

    /// <inheritdoc/>
    public string Name => _context.Name;

    /// <inheritdoc/>
    public bool IsPrimary => _context.Role == ServiceRole.Primary;

    /// <inheritdoc/>
    public string? PrimaryName => _context.PrimaryName;

    /// <inheritdoc/>
    public ulong Term => _context.Term;

    /// <inheritdoc/>
    public long NowMilliseconds => _context.NowMilliseconds;

    /// <inheritdoc/>
    public long KeyCount => Tables.LiveKeys - (TryRead(TicketKeysView.RecordKey, out StoredValue value) && value.Kind == RecordKind.TicketKeys ? 1 : 0);

    /// <inheritdoc/>
    public WriteDependency Dependency { get; set; }

    /// <inheritdoc/>
    public ulong ResolvedThrough => Publisher.ResolvedThrough;

    /// <inheritdoc/>
    public bool IsResolved(WriteDependency dependency) => Publisher.IsResolved(dependency);

    /// <inheritdoc/>
    public ulong LastTicket => Publisher.Last.Value;

    /// <inheritdoc/>
    public TimeSpan AcknowledgementTimeout => Publisher.Policies.AcknowledgementTimeout;

    /// <inheritdoc/>
    public int AcknowledgedBy(ulong ticket) => Publisher.AcknowledgedBy(ticket);

    /// <inheritdoc/>
    public void RequestAcknowledgement() => Publisher.RequestAcknowledgement();

    /// <inheritdoc/>
    public RecordClass ClassOf(ReadOnlySpan<byte> key) => Publisher.Policies.ClassOf(key);

    /// <inheritdoc/>
    public void Subscribe(IStoreObserver observer) => _observers.Add(observer);

    /// <inheritdoc/>
    public ulong Prefetch(ReadOnlySpan<byte> key)
    {
        ulong hash = Tables.Keys.Hash(key);
        Tables.Keys.PrefetchBucket(hash);
        return hash;
    }

    /// <inheritdoc/>
    public void PrefetchRecord(ulong hash) => Tables.Keys.PrefetchRecord(hash);

    /// <inheritdoc/>
    public WriteRefusal CheckWrite(ReadOnlySpan<byte> key, long bytes)
    {
        if (_context.Role == ServiceRole.Recovering) return WriteRefusal.Recovering;
        if (_context.Role != ServiceRole.Primary) return WriteRefusal.NotPrimary;
        if (key.Length > Limits.MaxKeyBytes || bytes > Limits.MaxWriteBytes) return WriteRefusal.TooLarge;
        if (Publisher.IsPaused)
        {
            WaitForRoom(key.Length * 2 + bytes);
            return WriteRefusal.Busy;
        }
        RecordClass recordClass = ClassOf(key);
        WriteRefusal refusal = Publisher.IsTooShortFor(recordClass) ? WriteRefusal.TooFewMembers : Memory.MakeRoom(recordClass, key.Length + bytes);
        if (refusal == WriteRefusal.None && !Publisher.HasRoom(key.Length * 2 + bytes)) refusal = WriteRefusal.Busy;
        if (refusal == WriteRefusal.Busy) WaitForRoom(key.Length * 2 + bytes);
        else if (refusal != WriteRefusal.None) Memory.CountRefusal(recordClass);
        return refusal;
    }

    /// <inheritdoc/>
    public bool TryRead(ReadOnlySpan<byte> key, out StoredValue value)
    {
        uint handle = FindLive(key, Tables.Keys.Hash(key), out ulong version);
        value = handle != 0 ? ValueOf(Tables.Keys.View(handle)) : new StoredValue { Kind = default, Class = default, Version = version, ExpiryMilliseconds = 0, Bytes = default };
        return handle != 0;
    }

    /// <inheritdoc/>
    public bool TryReadField(ReadOnlySpan<byte> key, ReadOnlySpan<byte> field, out StoredValue value)
    {
        value = default;
        uint head = FindLiveHash(key);
        if (head == 0 || field.Length > Limits.MaxKeyBytes) return false;
        ReadOnlySpan<byte> fieldKey = FieldKey(RecordTables.GenerationOf(Tables.Keys.View(head)), key, field);
        uint handle = Tables.Fields.Find(fieldKey, Tables.Fields.Hash(fieldKey));
        if (handle == 0) return false;
        RecordView view = Tables.Fields.View(handle);
        NoteRead(view.Header.Version, view.Header.Class);
        if (view.Header.Tombstone || IsDiscarded(view.Header.Version)) return false;
        value = ValueOf(view);
        return true;
    }

    /// <inheritdoc/>
    public int FieldCount(ReadOnlySpan<byte> key)
    {
        uint head = FindLiveHash(key);
        return head == 0 ? 0 : Tables.FieldCountOf(head);
    }

    /// <inheritdoc/>
    public void VisitFields<TVisitor>(ReadOnlySpan<byte> key, ref TVisitor visitor) where TVisitor : IStoreVisitor, allows ref struct
    {
        uint head = FindLiveHash(key);
        if (head == 0) return;
        for (uint field = Tables.FirstFieldOf(head); field != 0; field = Tables.NextFieldOf(field))
        {
            RecordView view = Tables.Fields.View(field);
            if (view.Header.Tombstone || IsDiscarded(view.Header.Version)) continue;
            if (HashFieldKey.TryParse(view.Key, out HashFieldKey name)) visitor.Visit(name.Field, ValueOf(view));
        }
    }

    /// <inheritdoc/>
    public ulong Scan<TVisitor>(ulong cursor, int count, ref TVisitor visitor) where TVisitor : IStoreVisitor, allows ref struct
    {
        int visited = 0, looks = 0;
        do
        {
            int found = Tables.Keys.Scan(ref cursor, _scanHandles.AsSpan(0, Math.Clamp(count - visited, 16, ScanHandles)));
            for (int i = 0; i < found; i++)
            {
                RecordView view = Tables.Keys.View(_scanHandles[i]);
                if (!IsLive(view) || view.Header.Kind == RecordKind.TicketKeys) continue;
                visitor.Visit(view.Key, ValueOf(view) with { Bytes = default });
                visited++;
            }
        }
        while (cursor != 0 && visited < count && ++looks < 64);
        return cursor;
    }

    /// <inheritdoc/>
    public void BeginBatch()
    {
        _inBatch = true;
        Publisher.BeginBatch();
    }

    /// <inheritdoc/>
    public void EndBatch()
    {
        _inBatch = false;
        Publisher.EndBatch();
    }

    /// <inheritdoc/>
    public void Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryMilliseconds, RecordKind kind = RecordKind.Bytes)
    {
        if (kind is RecordKind.Hash or RecordKind.HashField) throw new ArgumentOutOfRangeException(nameof(kind), "a hash is written by its fields");
        var header = new RecordHeader
        {
            Version = Publisher.Stamp().Value,
            ExpiryMilliseconds = Math.Min(expiryMilliseconds, RecordHeader.MaxExpiryMilliseconds),
            Class = ClassOf(key),
            Kind = kind,
        };
        Tables.PutValue(key, Tables.Keys.Hash(key), header, value);
        Publish(header, key, value);
    }

    /// <inheritdoc/>
    public bool SetExpiry(ReadOnlySpan<byte> key, long expiryMilliseconds)
    {
        uint handle = FindLive(key, Tables.Keys.Hash(key));
        if (handle == 0) return false;
        RecordView view = Tables.Keys.View(handle);
        RecordHeader header = view.Header with
        {
            Version = Publisher.Stamp().Value,
            ExpiryMilliseconds = Math.Min(expiryMilliseconds, RecordHeader.MaxExpiryMilliseconds),
            Local = LocalFlags.None,
        };
        if (header.Kind == RecordKind.Hash) Tables.PutHead(key, Tables.Keys.Hash(key), header, RecordTables.GenerationOf(view));
        else Tables.Keys.SetHeader(handle, header);
        view = Tables.Keys.View(handle);
        Publish(header, key, header.Kind == RecordKind.Hash ? view.Value[..RecordCodec.GenerationBytes] : view.Value);
        return true;
    }

    /// <inheritdoc/>
    public bool Delete(ReadOnlySpan<byte> key)
    {
        uint handle = FindLive(key, Tables.Keys.Hash(key));
        if (handle == 0) return false;
        Bury(key, Tables.Keys.View(handle).Header);
        return true;
    }

    /// <inheritdoc/>
    public bool SetField(ReadOnlySpan<byte> key, ReadOnlySpan<byte> field, ReadOnlySpan<byte> value)
    {
        RecordClass recordClass = ClassOf(key);
        uint head = FindLiveHash(key);
        bool isNewHash = head == 0, ownBatch = isNewHash && !_inBatch;
        if (ownBatch) Publisher.BeginBatch();
        if (isNewHash) head = CreateHash(key, recordClass);
        ReadOnlySpan<byte> fieldKey = FieldKey(RecordTables.GenerationOf(Tables.Keys.View(head)), key, field);
        var header = new RecordHeader { Version = Publisher.Stamp().Value, Class = recordClass, Kind = RecordKind.HashField };
        int before = Tables.FieldCountOf(head);
        Tables.PutField(head, fieldKey, Tables.Fields.Hash(fieldKey), header, value);
        Publish(header, fieldKey, value);
        if (ownBatch) Publisher.EndBatch();
        return Tables.FieldCountOf(head) != before;
    }

    /// <inheritdoc/>
    public bool DeleteField(ReadOnlySpan<byte> key, ReadOnlySpan<byte> field)
    {
        if (!TryReadField(key, field, out StoredValue held)) return false;
        uint head = FindLiveHash(key);
        if (Tables.FieldCountOf(head) == 1)
        {
            Bury(key, Tables.Keys.View(head).Header); // the last field goes with its hash: one record on the wire
            return true;
        }
        ReadOnlySpan<byte> fieldKey = FieldKey(RecordTables.GenerationOf(Tables.Keys.View(head)), key, field);
        var header = new RecordHeader { Version = Publisher.Stamp().Value, Class = held.Class, Kind = RecordKind.HashField, Tombstone = true };
        Tables.PutField(head, fieldKey, Tables.Fields.Hash(fieldKey), header, default);
        Publish(header, fieldKey, default);
        return true;
    }

    /// <summary>Turns a key that has expired or must make room into a tombstone, whatever a reader would see there.</summary>
    internal void Bury(uint handle)
    {
        RecordView view = Tables.Keys.View(handle);
        Bury(Memory.CopyKey(view.Key), view.Header);
    }

    /// <summary>Some member has applied more.</summary>
    internal void OnProgress()
    {
        if (!Publisher.Resolve()) return;
        foreach (IStoreObserver observer in _observers) observer.OnResolved();
        OnWindowOpen();
    }

    /// <summary>Publishing may be possible again.</summary>
    internal void OnWindowOpen()
    {
        Publisher.OnWindowOpen();
        TellWritable();
    }

    /// <summary>Tells those who were refused for lack of room that there is some. The group does not: it was only asked how much there is, and refused nothing.</summary>
    internal void TellWritable()
    {
        if (!_isWriteWaiting || Publisher.IsPaused || !Publisher.HasRoom(_roomWanted)) return;
        _isWriteWaiting = false;
        foreach (IStoreObserver observer in _observers) observer.OnWritable();
    }

    /// <summary>The role changed.</summary>
    internal void OnRoleChanged()
    {
        Tables.IsUnlimited = IsPrimary;
        foreach (IStoreObserver observer in _observers) observer.OnRoleChanged();
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => Tables.Dispose();

    private void WaitForRoom(long bytes)
    {
        _roomWanted = _isWriteWaiting ? Math.Min(_roomWanted, bytes) : bytes;
        _isWriteWaiting = true;
    }

    private uint CreateHash(ReadOnlySpan<byte> key, RecordClass recordClass)
    {
        RecordVersion version = Publisher.Stamp();
        var header = new RecordHeader { Version = version.Value, Class = recordClass, Kind = RecordKind.Hash };
        uint head = Tables.PutHead(key, Tables.Keys.Hash(key), header, version.Value);
        BinaryPrimitives.WriteUInt64BigEndian(_generation, version.Value);
        Publish(header, key, _generation);
        return head;
    }

    private void Bury(ReadOnlySpan<byte> key, in RecordHeader held)
    {
        RecordKind kind = held.Kind == RecordKind.Hash ? RecordKind.Bytes : held.Kind;
        var header = new RecordHeader { Version = Publisher.Stamp().Value, Class = held.Class, Kind = kind, Tombstone = true };
        Tables.PutValue(key, Tables.Keys.Hash(key), header, default);
        Publish(header, key, default);
    }

    private void Publish(in RecordHeader header, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Publisher.Publish(header, key, value);
        NoteRead(header.Version, header.Class);
    }

    private uint FindLiveHash(ReadOnlySpan<byte> key)
    {
        uint handle = FindLive(key, Tables.Keys.Hash(key));
        return handle != 0 && Tables.Keys.View(handle).Header.Kind == RecordKind.Hash ? handle : 0;
    }

    // An absence can be pending too: a tombstone that is not acknowledged gates the reply that says 'absent'.
    private uint FindLive(ReadOnlySpan<byte> key, ulong hash) => FindLive(key, hash, out _);

    private uint FindLive(ReadOnlySpan<byte> key, ulong hash, out ulong version)
    {
        version = 0;
        uint handle = Tables.Keys.Find(key, hash);
        if (handle == 0) return 0;
        RecordView view = Tables.Keys.View(handle);
        version = VersionOf(view);
        NoteRead(version, view.Header.Class);
        return IsLive(view) ? handle : 0;
    }

    private bool IsLive(scoped in RecordView view)
    {
        RecordHeader header = view.Header;
        if (RecordTables.IsHidden(header) || IsDiscarded(header.Version)) return false;
        if (header.ExpiryMilliseconds != 0 && header.ExpiryMilliseconds <= NowMilliseconds) return false;
        return header.Kind != RecordKind.Hash || Tables.FieldCountOf(view.Handle) > 0;
    }

    private bool IsDiscarded(ulong version) => _context.Discarding is { } chain && !chain.Covers(new RecordVersion(version));

    private void NoteRead(ulong version, RecordClass recordClass)
    {
        if (IsPrimary && Publisher.IsPending(version, recordClass)) Dependency = Dependency.With(version, recordClass);
    }

    private static ulong VersionOf(scoped in RecordView view) =>
        view.Header is { Kind: RecordKind.Hash, Tombstone: false } ? RecordTables.NewestChangeOf(view) : view.Header.Version;

    private static StoredValue ValueOf(scoped in RecordView view) => new()
    {
        Kind = view.Header.Kind,
        Class = view.Header.Class,
        Version = VersionOf(view),
        ExpiryMilliseconds = view.Header.ExpiryMilliseconds,
        Bytes = view.Header.Kind == RecordKind.Hash ? default : view.Value,
    };

    private ReadOnlySpan<byte> FieldKey(ulong generation, ReadOnlySpan<byte> key, ReadOnlySpan<byte> field) =>
        _fieldKey.AsSpan(0, HashFieldKey.Write(_fieldKey, generation, key, field));
}
