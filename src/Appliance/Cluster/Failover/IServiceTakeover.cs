namespace Appliance.Cluster.Failover;

/// <summary>What must be done around a service's addresses when it moves. Loop thread; must not wait.</summary>
internal interface IServiceTakeover
{
    /// <summary>This node takes the service: whatever must be there before the addresses.</summary>
    void Restore(int service, ulong term);

    /// <summary>The addresses are here and announced.</summary>
    void Resume(int service);

    /// <summary>This node has the service no longer. Also called when it had not.</summary>
    void StandDown(int service);
}
