namespace Appliance.Cluster.Addresses;

/// <summary>How another host showed that it has, or wants, one of our addresses.</summary>
internal enum ConflictKind
{
    /// <summary>It answers for the address.</summary>
    Answered,

    /// <summary>It announces the address.</summary>
    Announced,

    /// <summary>It asks others with the address as its own.</summary>
    Used,

    /// <summary>It asks whether anyone has the address, before it takes it: no conflict yet.</summary>
    Probed,
}
