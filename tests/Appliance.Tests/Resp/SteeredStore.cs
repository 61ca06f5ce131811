using Appliance.State;

namespace Appliance.Tests.Appliance.Resp;

/// <summary>A store whose role, refusals and acknowledgements the test steers; the keys are a real store's.</summary>
internal sealed class SteeredStore(IServiceStore inner) : IServiceStore
{
    private readonly List<IStoreObserver> _observers = [];
    private bool _acknowledges = true;
    private ulong _resolvedThrough;

    /// <summary>Refuses every write for this reason.</summary>
    internal WriteRefusal Refusal { get; set; }

    /// <summary>Refuses writes of one key only.</summary>
    internal string? RefusedKey { get; set; }

    /// <summary>Members that have acknowledged everything.</summary>
    internal int Acknowledged { get; set; }

    /// <summary>Times that a batch was ended.</summary>
    internal int Batches { get; private set; }

    /// <summary>Writes seen outside and inside batches.</summary>
    internal int Writes { get; private set; }

    /// <summary>Members were asked to report.</summary>
    internal int Requests { get; private set; }

    /// <summary>Fills <see cref="Loaded"/>, which allocates.</summary>
    internal bool NotesLoads { get; set; }

    /// <summary>Keys that were to be loaded ahead.</summary>
    internal List<string> Loaded { get; } = [];

    /// <summary>Records that were to be loaded ahead.</summary>
    internal int LoadedRecords { get; private set; }

    public bool IsPrimary { get; private set; } = true;

    public string? PrimaryName { get; set; } = "a";

    public string Name => inner.Name;

    public ulong Term => inner.Term;

    public long NowMilliseconds => inner.NowMilliseconds;

    public long KeyCount => inner.KeyCount;

    public WriteDependency Dependency { get; set; }

    public ulong ResolvedThrough => _acknowledges ? inner.LastTicket : _resolvedThrough;

    public bool IsResolved(WriteDependency dependency) => dependency.Ticket <= ResolvedThrough;

    public ulong LastTicket => inner.LastTicket;

    public TimeSpan AcknowledgementTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>From now on writes stay pending until <see cref="Resolve"/>.</summary>
    internal void HoldAcknowledgements()
    {
        _acknowledges = false;
        _resolvedThrough = inner.LastTicket;
    }

    /// <summary>Everything written so far is acknowledged.</summary>
    internal void Resolve() => ResolveThrough(inner.LastTicket);

    internal void ResolveThrough(ulong ticket)
    {
        _resolvedThrough = ticket;
        foreach (IStoreObserver observer in _observers) observer.OnResolved();
    }

    internal void OpenWindow()
    {
        Refusal = WriteRefusal.None;
        foreach (IStoreObserver observer in _observers) observer.OnWritable();
    }

    internal void ChangeRole(WriteRefusal refusal)
    {
        Refusal = refusal;
        IsPrimary = refusal == WriteRefusal.None;
        foreach (IStoreObserver observer in _observers) observer.OnRoleChanged();
    }

    public int AcknowledgedBy(ulong ticket) => Acknowledged;

    public void RequestAcknowledgement() => Requests++;

    public RecordClass ClassOf(ReadOnlySpan<byte> key) => inner.ClassOf(key);

    public ulong Prefetch(ReadOnlySpan<byte> key)
    {
        if (NotesLoads) Loaded.Add(System.Text.Encoding.Latin1.GetString(key));
        return inner.Prefetch(key);
    }

    public void PrefetchRecord(ulong hash)
    {
        LoadedRecords++;
        inner.PrefetchRecord(hash);
    }

    public WriteRefusal CheckWrite(ReadOnlySpan<byte> key, long bytes)
    {
        if (Refusal != WriteRefusal.None && (RefusedKey is null || key.SequenceEqual(System.Text.Encoding.Latin1.GetBytes(RefusedKey)))) return Refusal;
        return inner.CheckWrite(key, bytes);
    }

    public bool TryRead(ReadOnlySpan<byte> key, out StoredValue value) => Noting(inner.TryRead(key, out value), value.Version);

    public bool TryReadField(ReadOnlySpan<byte> key, ReadOnlySpan<byte> field, out StoredValue value) => Noting(inner.TryReadField(key, field, out value), value.Version);

    public int FieldCount(ReadOnlySpan<byte> key) => inner.FieldCount(key);

    public void VisitFields<TVisitor>(ReadOnlySpan<byte> key, ref TVisitor visitor) where TVisitor : IStoreVisitor, allows ref struct => inner.VisitFields(key, ref visitor);

    public ulong Scan<TVisitor>(ulong cursor, int count, ref TVisitor visitor) where TVisitor : IStoreVisitor, allows ref struct => inner.Scan(cursor, count, ref visitor);

    public void BeginBatch() => inner.BeginBatch();

    public void EndBatch()
    {
        inner.EndBatch();
        Batches++;
    }

    public void Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryMilliseconds, RecordKind kind = RecordKind.Bytes)
    {
        inner.Set(key, value, expiryMilliseconds, kind);
        Note();
    }

    public bool SetExpiry(ReadOnlySpan<byte> key, long expiryMilliseconds) => Noting(inner.SetExpiry(key, expiryMilliseconds));

    public bool Delete(ReadOnlySpan<byte> key) => Noting(inner.Delete(key));

    public bool SetField(ReadOnlySpan<byte> key, ReadOnlySpan<byte> field, ReadOnlySpan<byte> value)
    {
        bool added = inner.SetField(key, field, value);
        Note();
        return added;
    }

    public bool DeleteField(ReadOnlySpan<byte> key, ReadOnlySpan<byte> field) => Noting(inner.DeleteField(key, field));

    public void Subscribe(IStoreObserver observer) => _observers.Add(observer);

    private void Note()
    {
        Writes++;
        Dependency = Dependency.With(inner.LastTicket, RecordClass.Application);
    }

    private bool Noting(bool written)
    {
        if (written) Note();
        return written;
    }

    private bool Noting(bool found, ulong version)
    {
        if (found && !_acknowledges && version > _resolvedThrough) Dependency = Dependency.With(version, RecordClass.Application);
        return found;
    }
}
