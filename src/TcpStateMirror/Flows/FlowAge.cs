namespace Appliance.TcpStateMirror.Flows;

/// <summary>Classes of connections that age alike, in the order in which a full table lets go of them.</summary>
internal enum FlowAge
{
    Closed,
    Transitory,
    Established,
}
