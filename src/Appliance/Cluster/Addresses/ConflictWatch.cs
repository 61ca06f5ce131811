using System.Net;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.TcpStateMirror.Interop;

namespace Appliance.Cluster.Addresses;

/// <summary>Watches a link for other hosts that claim our addresses.</summary>
/// <remarks>
/// <para>Loop thread. While another node of the group is the primary its announcements are claims like any: who the claimant is and whether we hold the lease is the caller's to weigh.</para>
/// <para>Needs no promiscuous mode: announcements, probes and answers to probes are broadcast or come to us. The lease guard lets them in even without a lease.</para>
/// </remarks>
internal sealed class ConflictWatch : IReadinessHandler, IDisposable
{
    /// <summary>Per round, so that a storm does not hold up the loop; the rest waits in the socket, or is dropped there.</summary>
    private const int FramesPerRound = 64;

    /// <summary>The same host, address and kind is reported once in this time.</summary>
    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(1);

    private readonly ConflictSockets _sockets;
    private readonly ConflictDetector _detector;
    private readonly HardwareAddress _own;
    private readonly EventLoop _loop;
    private readonly Action<AddressConflict> _report;
    private readonly Seen[] _last;
    private readonly byte[] _frame = new byte[128];

    /// <summary>Starts to watch.</summary>
    /// <param name="loop">The loop that it runs on.</param>
    /// <param name="link">The link of the addresses.</param>
    /// <param name="addresses">The addresses.</param>
    /// <param name="report">Called on the loop thread, at most once a second for the same claim.</param>
    /// <exception cref="NetworkSetupException">Not permitted (CAP_NET_RAW), or no Ethernet link.</exception>
    internal ConflictWatch(EventLoop loop, NetworkLink link, IReadOnlyList<IPAddress> addresses, Action<AddressConflict> report)
    {
        _sockets = new ConflictSockets(link);
        _own = HardwareAddress.From(link.HardwareAddress);
        _detector = new ConflictDetector(_own, addresses);
        _loop = loop;
        _report = report;
        _last = new Seen[addresses.Count];
        loop.Register((int)_sockets.Arp.DangerousGetHandle(), Readiness.Read, this);
        loop.Register((int)_sockets.Discovery.DangerousGetHandle(), Readiness.Read, this);
    }

    /// <summary>Claims seen since the start, reported or not.</summary>
    internal long Claims { get; private set; }

    /// <summary>Asks who has an address: another host that has it and is otherwise quiet answers, and is reported. What cannot be sent is left out.</summary>
    internal void Ask(IPAddress address) => _ = ConflictProbe.Ask(_sockets, _own, address);

    /// <inheritdoc/>
    public void OnReady(Readiness ready)
    {
        Drain(_sockets.Arp);
        Drain(_sockets.Discovery);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _loop.Unregister((int)_sockets.Arp.DangerousGetHandle());
        _loop.Unregister((int)_sockets.Discovery.DangerousGetHandle());
        _sockets.Dispose();
    }

    private void Drain(Microsoft.Win32.SafeHandles.SafeFileHandle socket)
    {
        for (int count = 0; count < FramesPerRound; count++)
        {
            int bytes = KernelSocket.Receive(socket, _frame);
            // EAGAIN: empty. ENETDOWN: the link went down, which is no conflict.
            if (bytes < 0) return;
            if (!_detector.TryInspect(_frame.AsSpan(0, bytes), out int index, out ConflictKind kind, out HardwareAddress claimant)) continue;
            Claims++;
            ref Seen last = ref _last[index];
            if (last.Claimant == claimant && last.Kind == kind && _loop.Now < last.ReportedAt + ReportInterval && last.ReportedAt.Nanoseconds > 0) continue;
            last = new Seen(claimant, kind, _loop.Now);
            _report(new AddressConflict(_detector.Addresses[index], kind, claimant));
        }
    }

    private readonly record struct Seen(HardwareAddress Claimant, ConflictKind Kind, Timestamp ReportedAt);
}
