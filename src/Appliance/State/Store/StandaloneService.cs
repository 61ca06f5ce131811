namespace Appliance.State;

/// <summary>A service on a node without a group: always primary, in a term given at the start. For tools and tests of listeners.</summary>
internal sealed class StandaloneService : IServiceContext, IDisposable
{
    private readonly Func<long> _wallMilliseconds;

    /// <param name="name">The service's name.</param>
    /// <param name="policies">What each class asks for.</param>
    /// <param name="hash">The hash.</param>
    /// <param name="limits">Sizes.</param>
    /// <param name="wallMilliseconds">Wall time in milliseconds since the Unix epoch.</param>
    /// <param name="term">The term to write in.</param>
    internal StandaloneService(string name, ClassPolicies policies, BuzHash hash, StoreLimits limits, Func<long> wallMilliseconds, ulong term = 1)
    {
        Name = name;
        Term = term;
        _wallMilliseconds = wallMilliseconds;
        var publisher = new ServicePublisher(ServiceId.FromName(name), null, policies, limits.MaxRecordBytes);
        publisher.StartAt(new RecordVersion(term, 0));
        Store = new ServiceStore(this, publisher, hash, limits);
        Store.OnRoleChanged();
    }

    /// <summary>The keys.</summary>
    internal ServiceStore Store { get; }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public ServiceRole Role => ServiceRole.Primary;

    /// <inheritdoc/>
    public string? PrimaryName => null;

    /// <inheritdoc/>
    public ulong Term { get; }

    /// <inheritdoc/>
    public long NowMilliseconds => _wallMilliseconds();

    /// <inheritdoc/>
    public TermChain? Discarding => null;

    /// <summary>Expiry and tidying; call it every few milliseconds.</summary>
    internal void Tick()
    {
        Store.Memory.RaiseFloor(Store.Publisher.Last); // nobody else could need a tombstone
        Store.Memory.Step();
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => Store.Dispose();
}
