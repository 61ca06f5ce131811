namespace Appliance.Drills;

/// <summary>How a drill breaks the primary.</summary>
internal enum FaultKind
{
    /// <summary>Its cable, at the far end.</summary>
    Pull,

    /// <summary>SIGKILL, and started anew with empty memory afterwards.</summary>
    Kill,

    /// <summary>SIGSTOP: the kernel goes on, the program does not.</summary>
    Freeze,

    /// <summary>Nothing passes between it and the other nodes; clients reach it.</summary>
    Partition,
}

/// <summary>A fault and, where it is <see cref="FaultKind.Pull"/>, the card; null: all of them.</summary>
internal readonly record struct DrillFault(FaultKind Kind, string? Card)
{
    /// <summary>As the option is written.</summary>
    internal string Name => Kind.ToString().ToLowerInvariant();
}
