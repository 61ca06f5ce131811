namespace Appliance.Cluster.Failover;

/// <summary>How the elections of a service stand, as this node sees them.</summary>
/// <param name="LeaseLeft">How long this node may act as primary without another echo; null when it is not primary.</param>
/// <param name="Text">Who is primary, or why nobody is, in words.</param>
/// <param name="OwnsAddresses">This node answers for the service.</param>
/// <param name="IsCounted">The present primary counts this node, in its own term, among the members that hold everything. True on the primary itself.</param>
/// <param name="Fenced">Packets that the guard dropped.</param>
/// <param name="Withheld">The kernel's refusals of connects that the guard withheld.</param>
/// <param name="Announced">Frames that announced its addresses.</param>
internal sealed record FailoverStatus(TimeSpan? LeaseLeft, string Text, bool OwnsAddresses, bool IsCounted, long Fenced, long Withheld, long Announced);
