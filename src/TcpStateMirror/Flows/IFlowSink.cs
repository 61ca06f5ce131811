namespace Appliance.TcpStateMirror.Flows;

/// <summary>Takes connections that ended.</summary>
public interface IFlowSink
{
    /// <summary>A connection ended.</summary>
    /// <param name="flow">Valid during the call only.</param>
    /// <param name="end">Why.</param>
    void OnEnded(Flow flow, FlowEnd end);
}
