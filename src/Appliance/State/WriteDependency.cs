namespace Appliance.State;

/// <summary>What a reply waits for: the newest pending write that it depends on, and the classes of all of them. Classes are acknowledged independently, so the ticket alone would not tell.</summary>
/// <param name="Ticket">Ticket of the newest; 0 for none.</param>
public readonly record struct WriteDependency(ulong Ticket)
{
    private readonly byte _classes;

    private WriteDependency(ulong ticket, byte classes)
        : this(ticket) => _classes = classes;

    /// <summary>Nothing is waited for.</summary>
    public bool IsNone => Ticket == 0;

    /// <summary>Whether one of the writes is of a class.</summary>
    public bool Includes(RecordClass recordClass) => (_classes & 1 << (int)recordClass) != 0;

    /// <summary>The same and one write more.</summary>
    public WriteDependency With(ulong ticket, RecordClass recordClass) => new(Math.Max(Ticket, ticket), (byte)(_classes | 1 << (int)recordClass));
}
