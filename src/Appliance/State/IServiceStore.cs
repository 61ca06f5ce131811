namespace Appliance.State;

/// <summary>Why a write cannot be done now. Nothing has happened.</summary>
public enum WriteRefusal : byte
{
    /// <summary>It can be done.</summary>
    None,

    /// <summary>This node is not the service's primary (<c>-READONLY</c>).</summary>
    NotPrimary,

    /// <summary>The primary is recovering the service's state from the survivors (<c>-LOADING</c>).</summary>
    Recovering,

    /// <summary>Fewer synchronised data members than the key's class asks for, and <c>when-short = refuse</c> (<c>-NOREPLICAS</c>).</summary>
    TooFewMembers,

    /// <summary>The memory limit is reached and the class may not evict enough (<c>-OOM</c>).</summary>
    OutOfMemory,

    /// <summary>The flow window or the pending ring is full: stop reading, try again at <see cref="IStoreObserver.OnWritable"/>.</summary>
    Busy,

    /// <summary>Key, value or batch is larger than the configured limit.</summary>
    TooLarge,
}

/// <summary>A live record as a reader on the loop thread sees it. The spans are valid until the next write.</summary>
public readonly ref struct StoredValue
{
    /// <summary>Layout of <see cref="Bytes"/>.</summary>
    public required RecordKind Kind { get; init; }

    /// <summary>It may be read as plain bytes: it is no hash, and holds no keys of TLS.</summary>
    public bool IsPlain => Kind is not (RecordKind.Hash or RecordKind.TlsSession or RecordKind.TicketKeys);

    /// <summary>Class that the key had when it was written.</summary>
    public required RecordClass Class { get; init; }

    /// <summary>Changes with every change of the record (for WATCH, C1). For a hash: changes when any field changes.</summary>
    public required ulong Version { get; init; }

    /// <summary>Milliseconds since the Unix epoch at which it expires; 0 for never.</summary>
    public required long ExpiryMilliseconds { get; init; }

    /// <summary>The value; empty for a hash.</summary>
    public required ReadOnlySpan<byte> Bytes { get; init; }
}

/// <summary>Receives the fields of a hash or the keys of a scan.</summary>
public interface IStoreVisitor
{
    /// <summary>One entry; the spans are valid during the call only. <paramref name="value"/> is empty for a scan of keys.</summary>
    void Visit(ReadOnlySpan<byte> name, in StoredValue value);
}

/// <summary>What a listener hears from the store, on the loop thread.</summary>
public interface IStoreObserver
{
    /// <summary>Something was acknowledged: replies whose dependency <see cref="IServiceStore.IsResolved"/> may leave.</summary>
    void OnResolved();

    /// <summary>Writing was refused with <see cref="WriteRefusal.Busy"/> and may be tried again.</summary>
    void OnWritable();

    /// <summary>The node became or ceased to be the primary, or began or ended recovering; pending tickets that can no longer be acknowledged here are failed.</summary>
    void OnRoleChanged();
}

/// <summary>
/// The keys of one service on this node, as listeners use them. Loop thread only; never blocks.
/// <para>
/// A write is applied here at once and published to the group; a reply that depends on it may leave only when so many members have applied it as its
/// class asks (ARCHITECTURE 3, step 5). Use: set <see cref="Dependency"/> to none, run a command, then gate the reply by <see cref="Dependency"/> until
/// <see cref="IsResolved"/>. Reads of records that are still pending add to it too.
/// </para>
/// <para>Write methods must be preceded by <see cref="CheckWrite"/> for each key (all keys of a batch before its first write); then they cannot fail.</para>
/// </summary>
public interface IServiceStore
{
    /// <summary>The service's name.</summary>
    string Name { get; }

    /// <summary>This node is the primary and may write.</summary>
    bool IsPrimary { get; }

    /// <summary>Name of the node that is primary now, or null when none is known.</summary>
    string? PrimaryName { get; }

    /// <summary>The service's term.</summary>
    ulong Term { get; }

    /// <summary>Wall time of the service in milliseconds since the Unix epoch: the primary's clock, on secondaries corrected by the measured offset.</summary>
    long NowMilliseconds { get; }

    /// <summary>Live keys (a hash counts once; the keys of TLS tickets, which nobody wrote, do not count and are not scanned).</summary>
    long KeyCount { get; }

    /// <summary>What the operations since it was set to none depend on; none when nothing is pending.</summary>
    WriteDependency Dependency { get; set; }

    /// <summary>Whether everything that a reply depends on is acknowledged as its class asks. One class never waits for what another asks for.</summary>
    bool IsResolved(WriteDependency dependency);

    /// <summary>Every ticket up to and including this one is acknowledged as its class asks: the least that any class has reached.</summary>
    ulong ResolvedThrough { get; }

    /// <summary>Ticket of the newest write, acknowledged or not (for WAIT).</summary>
    ulong LastTicket { get; }

    /// <summary>How many synchronised data members have applied every write up to a ticket (for WAIT).</summary>
    int AcknowledgedBy(ulong ticket);

    /// <summary>Asks the members to report as soon as they have applied everything written so far (for WAIT).</summary>
    void RequestAcknowledgement();

    /// <summary>After this time without acknowledgement the outcome of a pending write is told to be unknown.</summary>
    TimeSpan AcknowledgementTimeout { get; }

    /// <summary>The class that a key belongs to.</summary>
    RecordClass ClassOf(ReadOnlySpan<byte> key);

    /// <summary>Starts to load what an operation on a key needs first. Call it for several keys, then <see cref="PrefetchRecord"/> for each, then operate.</summary>
    /// <returns>What <see cref="PrefetchRecord"/> asks for.</returns>
    ulong Prefetch(ReadOnlySpan<byte> key);

    /// <summary>The second stage of <see cref="Prefetch"/>.</summary>
    void PrefetchRecord(ulong hash);

    /// <summary>Whether a write of about so many bytes to a key can be done now.</summary>
    WriteRefusal CheckWrite(ReadOnlySpan<byte> key, long bytes);

    /// <summary>Finds a live key: neither deleted nor expired.</summary>
    /// <returns>False when there is none; the version then tells of its deletion, as long as that is remembered (for WATCH), else 0.</returns>
    bool TryRead(ReadOnlySpan<byte> key, out StoredValue value);

    /// <summary>Finds a live field of a live hash.</summary>
    bool TryReadField(ReadOnlySpan<byte> key, ReadOnlySpan<byte> field, out StoredValue value);

    /// <summary>Number of fields of a hash; 0 when absent or not a hash.</summary>
    int FieldCount(ReadOnlySpan<byte> key);

    /// <summary>Visits all fields of a hash. The visitor must not write.</summary>
    void VisitFields<TVisitor>(ReadOnlySpan<byte> key, ref TVisitor visitor) where TVisitor : IStoreVisitor, allows ref struct;

    /// <summary>Visits about <paramref name="count"/> live keys from a cursor (0 starts). Every key present from start to end is visited at least once.</summary>
    /// <returns>The next cursor; 0 when the scan is complete.</returns>
    ulong Scan<TVisitor>(ulong cursor, int count, ref TVisitor visitor) where TVisitor : IStoreVisitor, allows ref struct;

    /// <summary>Starts an atomic batch: what follows up to <see cref="EndBatch"/> is applied together on every node or not at all. Not nested.</summary>
    void BeginBatch();

    /// <summary>Ends and publishes the batch.</summary>
    void EndBatch();

    /// <summary>Sets a key to plain bytes (or another single-value kind), replacing whatever it was, hashes included.</summary>
    void Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryMilliseconds, RecordKind kind = RecordKind.Bytes);

    /// <summary>Changes only the expiry of a live key; 0 removes it.</summary>
    /// <returns>False when the key is absent.</returns>
    bool SetExpiry(ReadOnlySpan<byte> key, long expiryMilliseconds);

    /// <summary>Deletes a key (a hash with all its fields: its generation rises).</summary>
    /// <returns>False when the key was absent.</returns>
    bool Delete(ReadOnlySpan<byte> key);

    /// <summary>Sets a field of a hash, which is created when absent. The key must not hold another kind. Costs one record on the wire whatever the hash's size.</summary>
    /// <returns>True when the field is new.</returns>
    bool SetField(ReadOnlySpan<byte> key, ReadOnlySpan<byte> field, ReadOnlySpan<byte> value);

    /// <summary>Deletes a field; a hash without fields is deleted.</summary>
    /// <returns>False when the field was absent.</returns>
    bool DeleteField(ReadOnlySpan<byte> key, ReadOnlySpan<byte> field);

    /// <summary>Adds a listener of events; at most a handful.</summary>
    void Subscribe(IStoreObserver observer);
}
