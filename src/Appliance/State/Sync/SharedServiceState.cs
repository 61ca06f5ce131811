namespace Appliance.State;

/// <summary>What the threads that serve snapshots must know of a service. Written by the loop thread, read by any.</summary>
internal sealed class SharedServiceState
{
    private ulong _position, _highest, _floor;
    private volatile TermChain _chain = TermChain.Empty;
    private volatile Standing _standing = Standing.Nothing;

    /// <param name="service">The service.</param>
    /// <param name="tables">Its records.</param>
    /// <param name="maxRecordBytes">Largest encoded record.</param>
    internal SharedServiceState(ServiceId service, RecordTables tables, int maxRecordBytes)
    {
        Service = service;
        Tables = tables;
        MaxRecordBytes = maxRecordBytes;
    }

    /// <summary>What this node is for the service.</summary>
    [Flags]
    internal enum Standing
    {
        /// <summary>It holds something, perhaps.</summary>
        Nothing = 0,

        /// <summary>It holds everything up to its position.</summary>
        Complete = 1,

        /// <summary>It is the primary.</summary>
        Primary = 2,

        /// <summary>It collects.</summary>
        Recovering = 4,
    }

    /// <summary>The service.</summary>
    internal ServiceId Service { get; }

    /// <summary>Its records; scanning them is safe on any thread.</summary>
    internal RecordTables Tables { get; }

    /// <summary>Largest encoded record.</summary>
    internal int MaxRecordBytes { get; }

    /// <summary>Everything up to this version is in the tables: written after them, read before them.</summary>
    internal RecordVersion Position => new(Volatile.Read(ref _position));

    /// <summary>The newest version in the tables.</summary>
    internal RecordVersion Highest => new(Volatile.Read(ref _highest));

    /// <summary>Tombstones up to here are forgotten.</summary>
    internal RecordVersion Floor => new(Volatile.Read(ref _floor));

    /// <summary>The terms.</summary>
    internal TermChain Chain => _chain;

    /// <summary>Complete, primary, recovering.</summary>
    internal Standing Now => _standing;

    /// <summary>Tells the other threads. Loop thread.</summary>
    internal void Update(RecordVersion position, RecordVersion highest, RecordVersion floor, TermChain chain, Standing standing)
    {
        // What makes less of this node's state goes first, what makes more of it last.
        if ((standing & Standing.Complete) == 0) _standing = standing;
        if (_floor != floor.Value) Volatile.Write(ref _floor, floor.Value);
        if (_chain != chain) _chain = chain;
        if (_highest != highest.Value) Volatile.Write(ref _highest, highest.Value);
        if (_position != position.Value) Volatile.Write(ref _position, position.Value);
        if (_standing != standing) _standing = standing;
    }

    /// <summary>The primary has written and is about to publish: whoever receives it must find it here. Loop thread.</summary>
    internal void Advance(RecordVersion position)
    {
        Volatile.Write(ref _highest, position.Value);
        Volatile.Write(ref _position, position.Value);
    }

    /// <summary>Everything at once, for an answer.</summary>
    internal ServicePosition ToPosition()
    {
        while (true)
        {
            TermChain chain = _chain;
            Standing standing = _standing;
            var position = new ServicePosition
            {
                Service = Service,
                Position = Position,
                Highest = Highest,
                Floor = Floor,
                IsComplete = (standing & Standing.Complete) != 0,
                IsPrimary = (standing & Standing.Primary) != 0,
                IsRecovering = (standing & Standing.Recovering) != 0,
                Chain = chain,
            };
            if (chain == _chain && standing == _standing) return position;
        }
    }
}
