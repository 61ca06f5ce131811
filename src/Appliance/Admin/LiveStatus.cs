namespace Appliance.Admin;

/// <summary>Live connections of a service (<c>survive = connections</c>).</summary>
/// <param name="Service">Its name.</param>
/// <param name="Connections">On the primary those that go on if it dies; elsewhere those that this node could go on with.</param>
/// <param name="Protected">Another node can go on with them now; null unless this node is the primary.</param>
/// <param name="Waiting">Segments held until another node has them.</param>
internal sealed record LiveStatus(string Service, int Connections, bool? Protected, int Waiting);
