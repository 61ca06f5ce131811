using System.Net;
using Appliance.Cluster.Health;
using Appliance.Interop;

namespace Appliance.Backends;

/// <summary>One server of a pool. Loop thread.</summary>
internal sealed class PoolServer
{
    /// <param name="endPoint">Where it listens.</param>
    /// <param name="identity">A well-mixed number that follows from its address: alike on all nodes.</param>
    public PoolServer(IPEndPoint endPoint, ulong identity)
    {
        EndPoint = endPoint;
        Address = new SocketAddressBytes(endPoint);
        Name = endPoint.ToString();
        Identity = identity;
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>The same as the kernel has it.</summary>
    public SocketAddressBytes Address { get; }

    /// <summary>Its name in commands, logs and status: the address with the port.</summary>
    public string Name { get; }

    /// <summary>See the constructor.</summary>
    public ulong Identity { get; }

    /// <summary>Its share of the connections.</summary>
    public int Weight { get; set; } = 1;

    /// <summary>Gets no new connections, by an operator's command; those that it has go on.</summary>
    public bool IsDraining { get; set; }

    /// <summary>What the checks say. Unknown counts as usable: a pool must work before its first check has ended.</summary>
    public TargetHealth Health { get; set; } = TargetHealth.Unknown;

    /// <summary>Connections now, those that are being made included.</summary>
    public int Connections { get; set; }

    /// <summary>Connections made.</summary>
    public long Connected { get; set; }

    /// <summary>Connects that failed.</summary>
    public long ConnectFailures { get; set; }

    /// <summary>Of smooth weighted round robin.</summary>
    internal long Credit { get; set; }
}
