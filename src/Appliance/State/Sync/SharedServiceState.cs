namespace Appliance.State;

/// <summary>What the threads that serve snapshots must know of a service. Written by the loop thread, read by any.</summary>
internal sealed class SharedServiceState
{
    private ulong _position, _highest, _floor;
    private volatile bool _isComplete;

    /// <param name="service">The service.</param>
    /// <param name="tables">Its records.</param>
    /// <param name="maxRecordBytes">Largest encoded record.</param>
    internal SharedServiceState(ServiceId service, RecordTables tables, int maxRecordBytes)
    {
        Service = service;
        Tables = tables;
        MaxRecordBytes = maxRecordBytes;
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

    /// <summary>This node holds everything up to its position.</summary>
    internal bool IsComplete => _isComplete;

    /// <summary>Tells the other threads. Loop thread.</summary>
    internal void Update(RecordVersion position, RecordVersion highest, RecordVersion floor, bool isComplete)
    {
        // What makes less of this node's state goes first, what makes more of it last.
        if (!isComplete) _isComplete = false;
        if (_floor != floor.Value) Volatile.Write(ref _floor, floor.Value);
        if (_highest != highest.Value) Volatile.Write(ref _highest, highest.Value);
        if (_position != position.Value) Volatile.Write(ref _position, position.Value);
        if (isComplete) _isComplete = true;
    }

    /// <summary>The primary has written and is about to publish: whoever receives it must find it here. Loop thread.</summary>
    internal void Advance(RecordVersion position)
    {
        Volatile.Write(ref _highest, position.Value);
        Volatile.Write(ref _position, position.Value);
    }
}
