using System.Net;
using System.Net.Sockets;
using Appliance.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Addresses;

/// <summary>Tells a link's neighbours that addresses are here: per IPv4 address an ARP request and an ARP reply, per IPv6 address an unsolicited advertisement, all in one system call.</summary>
/// <remarks>Frames are written once; <see cref="Announce"/> allocates nothing. They pass the lease guard, which stops them without a lease. Not thread-safe.</remarks>
internal sealed unsafe class Announcer : IDisposable
{
    internal const int MaxAddresses = 1024;
    private const int SlotBytes = 96;                                             // the largest frame, on whole words
    private readonly SafeFileHandle _socket;
    private readonly byte[] _frames;
    private readonly FrameSocket.IoVector[] _vectors;
    private readonly FrameSocket.Message[] _messages;

    /// <summary>Opens a socket on the link and writes the frames.</summary>
    /// <param name="link">Where the addresses are; when its MAC changes, open another announcer.</param>
    /// <param name="addresses">IPv4 and IPv6, at most <see cref="MaxAddresses"/>.</param>
    /// <param name="isRouter">The host forwards IPv6.</param>
    /// <exception cref="NetworkSetupException">No Ethernet link, too many addresses, or not permitted (CAP_NET_RAW).</exception>
    internal Announcer(NetworkLink link, IReadOnlyList<IPAddress> addresses, bool isRouter)
    {
        if (!link.IsEthernet || link.HardwareAddress.GetAddressBytes().Length != HardwareAddress.Bytes) throw new NetworkSetupException(Errno.Invalid, $"cannot announce addresses on {link.Name}: it is no Ethernet link");
        if (addresses.Count > MaxAddresses) throw new NetworkSetupException(Errno.Invalid, $"cannot announce {addresses.Count} addresses on {link.Name}: at most {MaxAddresses}");
        HardwareAddress own = HardwareAddress.From(link.HardwareAddress);
        int count = addresses.Sum(static address => address.AddressFamily == AddressFamily.InterNetwork ? 2 : 1);
        _frames = GC.AllocateArray<byte>(count * SlotBytes, pinned: true);
        _vectors = GC.AllocateArray<FrameSocket.IoVector>(count, pinned: true);
        _messages = GC.AllocateArray<FrameSocket.Message>(count, pinned: true);
        int slot = 0;
        foreach (IPAddress address in addresses)
        {
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
            {
                NeighbourFrame.WriteAdvertisement(Place(slot++, NeighbourFrame.AdvertisementBytes), own, address, isRouter);
                continue;
            }
            ArpFrame.WriteAnnouncement(Place(slot++, ArpFrame.FrameBytes), own, address, ArpFrame.Request);
            ArpFrame.WriteAnnouncement(Place(slot++, ArpFrame.FrameBytes), own, address, ArpFrame.Reply);
        }
        int error = FrameSocket.Open(link.Index, 0, [], out _socket);
        if (error != 0) throw new NetworkSetupException(error, $"cannot open a packet socket on {link.Name} to announce addresses: {Errno.Text(error)}{(error == Errno.NotPermitted ? " (CAP_NET_RAW)" : "")}");
    }

    /// <summary>Frames handed to the link so far.</summary>
    internal long FramesSent { get; private set; }

    /// <summary>Frames that the link refused (down, full, fenced by the guard).</summary>
    internal long FramesRefused { get; private set; }

    /// <summary>Sends every frame once. A refused frame is counted and does not hold up the others.</summary>
    /// <returns>0, or the errno of the last refusal (ENETDOWN: the link is down; ENOBUFS: its queue is full, or the guard dropped it).</returns>
    internal int Announce()
    {
        int error = 0;
        fixed (FrameSocket.Message* messages = _messages)
        {
            for (int next = 0; next < _messages.Length;)
            {
                int sent = FrameSocket.Send(_socket, messages + next, _messages.Length - next);
                if (sent == -Errno.Interrupted) continue;
                if (sent > 0)
                {
                    next += sent;
                    FramesSent += sent;
                    continue;
                }
                error = -sent;
                FramesRefused++;
                next++;
            }
        }
        return error;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private Span<byte> Place(int slot, int bytes)
    {
        // The arrays are pinned for life, so the pointers stay true.
        fixed (byte* frame = &_frames[slot * SlotBytes])
        fixed (FrameSocket.IoVector* vector = &_vectors[slot])
        {
            _vectors[slot] = new FrameSocket.IoVector { Base = frame, Length = (nuint)bytes };
            _messages[slot] = new FrameSocket.Message { Vectors = vector, VectorCount = 1 };
        }
        return _frames.AsSpan(slot * SlotBytes, bytes);
    }
}
