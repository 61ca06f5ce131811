namespace Appliance.Cluster.Guard;

/// <summary>Which hook of a link a guard program stands at.</summary>
internal enum GuardDirection
{
    /// <summary>Packets that arrive, before the protocols see them (sch_handle_ingress).</summary>
    Ingress,

    /// <summary>Packets that leave, before the link's queue (sch_handle_egress).</summary>
    Egress,
}
