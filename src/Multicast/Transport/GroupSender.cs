using System.Net;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>Sends the engine's datagrams to the group address, or to each peer of a unicast group, and to single members. On the loop thread.</summary>
internal sealed class GroupSender : IDisposable
{
    private readonly EventLoop _loop;
    private readonly int _descriptor;
    private readonly DatagramSender _sender;
    private readonly DestinationCache _destinations = new();
    private readonly IPEndPoint[] _peers;
    private readonly TransportCounters _counters;
    private NativeAddress _group;
    private bool _watchesWritable;

    internal GroupSender(GroupSettings settings, DatagramSockets sockets, EventLoop loop, TransportCounters counters)
    {
        _loop = loop;
        _counters = counters;
        _descriptor = (int)sockets.Unicast.SafeHandle.DangerousGetHandle();
        _group = sockets.GroupAddress;
        _peers = settings.UseMulticast ? [] : UnicastPeers.Of(settings, sockets);
        UsesGroupAddress = settings.UseMulticast;
        bool segments = settings.SegmentationOffload && DatagramSender.KernelHasSegmentation(sockets.Unicast.SafeHandle);
        _sender = new DatagramSender(sockets.Unicast.SafeHandle, segments ? SendMethod.SegmentationOffload : SendMethod.BatchedCalls, counters);
        WhyNotSegmented = settings.SegmentationOffload ? segments ? null : "this kernel has no UDP_SEGMENT (Linux 4.18)" : "switched off";
    }

    /// <summary>One datagram for all, rather than one for each peer.</summary>
    internal bool UsesGroupAddress { get; }

    /// <summary>How runs are sent now.</summary>
    internal SendMethod Method => _sender.Method;

    /// <summary>Why runs are not sent as one; null when they are.</summary>
    internal string? WhyNotSegmented => field ?? _sender.FallbackReason;

    /// <summary>So much is waiting for the device that new data had better wait too.</summary>
    internal bool IsCongested => _sender.PendingBytes > DatagramSender.DefaultPendingBytes / 2;

    /// <summary>What the socket is watched for, beside reading.</summary>
    internal Readiness Interest => _watchesWritable ? Readiness.Read | Readiness.Write : Readiness.Read;

    /// <summary>Sends nothing: a part of this node hangs, and any datagram would make it look alive.</summary>
    internal bool IsSilent { get; set; }

    internal void SendToGroup(ReadOnlySpan<byte> datagrams, int datagramBytes)
    {
        if (Withhold(datagrams.Length, datagramBytes)) return;
        if (UsesGroupAddress) _sender.Send(ref _group, datagrams, datagramBytes);
        else
            foreach (IPEndPoint peer in _peers) _sender.Send(ref _destinations.Find(peer), datagrams, datagramBytes);
        WatchWritable();
    }

    internal void SendTo(IPEndPoint destination, ReadOnlySpan<byte> datagram)
    {
        if (Withhold(datagram.Length, datagram.Length)) return;
        _sender.Send(ref _destinations.Find(destination), datagram, datagram.Length);
        WatchWritable();
    }

    internal void OnWritable()
    {
        _sender.OnWritable();
        WatchWritable();
    }

    public void Dispose() => _sender.Dispose();

    private bool Withhold(int bytes, int datagramBytes)
    {
        if (IsSilent) _counters.SendsWithheld += (bytes + datagramBytes - 1) / datagramBytes;
        return IsSilent;
    }

    private void WatchWritable()
    {
        bool wanted = _sender.PendingBytes > 0;
        if (wanted == _watchesWritable) return;
        _watchesWritable = wanted;
        _loop.Change(_descriptor, Interest);
    }
}
