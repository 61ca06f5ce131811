using System.Net.Sockets;
using Appliance.Multicast.Protocol;

namespace Appliance.Multicast.Transport;

/// <summary>One receiving socket of the group on the loop.</summary>
internal sealed class GroupReceiver : IReadinessHandler, IDisposable
{
    /// <summary>Messages in one call. 64, or 32 when each may be a coalesced run of 64 KiB.</summary>
    private const int Batch = 64, CoalescedBatch = 32;

    /// <summary>Calls in one round: so many that a full socket empties quickly, so few that the clients of this loop get their turn within about a millisecond.</summary>
    private const int CallsPerRound = 4;

    private readonly MulticastGroup _group;
    private readonly DatagramReceiver _receiver;

    internal GroupReceiver(MulticastGroup group, Socket socket, ReceivePath path, int datagramBytes, bool coalesce, TransportCounters counters)
    {
        _group = group;
        Path = path;
        Descriptor = (int)socket.SafeHandle.DangerousGetHandle();
        _receiver = new DatagramReceiver(socket.SafeHandle, datagramBytes, coalesce ? CoalescedBatch : Batch, coalesce, counters);
    }

    internal ReceivePath Path { get; }

    internal int Descriptor { get; }

    /// <summary>The kernel hands over coalesced runs.</summary>
    internal bool Coalesces => _receiver.Coalesces;

    public void OnReady(Readiness ready)
    {
        if ((ready & Readiness.Write) != 0) _group.OnWritable();
        if ((ready & ~Readiness.Write) != 0) Receive();
    }

    /// <summary>Takes what has arrived, up to a bound.</summary>
    internal void Receive()
    {
        var handler = new MulticastGroup.DatagramHandler(_group, Path);
        bool any = false;
        for (int i = 0; i < CallsPerRound; i++)
        {
            int count = _receiver.Receive(ref handler);
            any |= count > 0;
            if (count < _receiver.Capacity) break;
        }
        if (any) _group.EndReceiveBatch();
    }

    public void Dispose() => _receiver.Dispose();
}
