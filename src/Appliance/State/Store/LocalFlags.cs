namespace Appliance.State;

/// <summary>What this node alone knows of a record; never travels.</summary>
[Flags]
internal enum LocalFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>A replacing snapshot contained the record: it stays when the rest is swept away.</summary>
    InSnapshot = 1,

    /// <summary>Stands in for the head of a hash that has not arrived; unseen by readers.</summary>
    Placeholder = 2,
}
