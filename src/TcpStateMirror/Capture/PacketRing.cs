using Appliance.TcpStateMirror.Interop;
using Appliance.TcpStateMirror.Packets;
using Microsoft.Win32.SafeHandles;

namespace Appliance.TcpStateMirror.Capture;

/// <summary>
/// Frames of an interface through a ring that the kernel fills (AF_PACKET, TPACKET_V3): no call and no copy per packet. In cooked mode, so that every
/// frame begins at its IP header. Needs CAP_NET_RAW. Not thread-safe but for <see cref="Stop"/>.
/// </summary>
/// <remarks>
/// <code>
/// block:  0         4                8        12       16             blocks of BlockBytes, filled and handed over as a whole
///         | version | private offset | status | frames | first frame
/// frame:  0      4         8             12         16      20       24    26    48
///         | next | seconds | nanoseconds | captured | length | status | mac | net | sockaddr_ll: +8 hardware type, +10 packet type
/// </code>
/// </remarks>
public sealed unsafe class PacketRing : IPacketSource
{
    private const int BlockBytes = 1 << 20, FrameBytes = 2048;
    private const uint RetireMilliseconds = 20; // a block that does not fill is handed over after this
    private const int WaitMilliseconds = 100;
    private const uint HandedOver = 1;
    private const int StatusAt = 8, FramesAt = 12, FirstFrameAt = 16;
    private const int SecondsAt = 4, NanosecondsAt = 8, CapturedAt = 12, LengthAt = 16, NetworkAt = 26, HardwareTypeAt = 56, PacketTypeAt = 58;
    private const ushort LoopbackHardware = 772;
    private const int LoopbackCard = 1; // in every network namespace (LOOPBACK_IFINDEX)
    private const byte Outgoing = 4;

    private readonly SafeFileHandle _socket;
    private readonly uint _blocks;
    private byte* _memory;
    private readonly bool _mayLoop;
    private uint _block;
    private long _drops;
    private volatile bool _stopped;

    private PacketRing(SafeFileHandle socket, byte* memory, uint blocks, bool mayLoop)
    {
        _mayLoop = mayLoop;
        _socket = socket;
        _memory = memory;
        _blocks = blocks;
    }

    /// <summary>Frames that the kernel had no room for, so far.</summary>
    public long Drops => _drops += PacketRingSocket.ReadStatistics(_socket).Drops;

    /// <summary>Opens an interface.</summary>
    /// <param name="card">Its name, or <c>any</c> for all.</param>
    /// <param name="filter">What to take; the kernel drops the rest.</param>
    /// <param name="megabytes">Memory of the ring, locked while it is open.</param>
    /// <param name="promiscuous">Take also what is meant for others.</param>
    /// <exception cref="CaptureException">The interface is not there, the permission or the memory is missing.</exception>
    public static PacketRing Open(string card, CaptureFilter filter, int megabytes = 64, bool promiscuous = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(megabytes, 2);
        int index = card == "any" ? 0 : PacketRingSocket.IndexOf(card);
        if (index == 0 && card != "any") throw new CaptureException($"there is no interface '{card}' here: 'ip link' lists them, 'any' takes all");
        int error = PacketSocket.Open(PacketSocket.Cooked, out SafeFileHandle socket);
        if (error == PacketRingSocket.NotPermitted) throw new CaptureException("capturing needs CAP_NET_RAW: run as root, or 'setcap cap_net_raw+ep' the program");
        byte* memory = null;
        if (error == 0) error = PacketSocket.Attach(socket, filter.Program.Instructions);
        if (error == 0) error = PacketRingSocket.MakeRing(socket, new() { BlockBytes = BlockBytes, Blocks = (uint)megabytes, FrameBytes = FrameBytes, Frames = (uint)megabytes * (BlockBytes / FrameBytes), RetireMilliseconds = RetireMilliseconds });
        if (error == 0) error = PacketRingSocket.Map(socket, (nuint)megabytes * BlockBytes, out memory);
        if (error == 0 && promiscuous && index != 0) error = PacketRingSocket.BePromiscuous(socket, index);
        if (error == 0) error = PacketSocket.Bind(socket, index, PacketSocket.EveryProtocol);
        if (error == 0) return new PacketRing(socket, memory, (uint)megabytes, mayLoop: index is 0 or LoopbackCard);
        if (memory != null) PacketRingSocket.Unmap(memory, (nuint)megabytes * BlockBytes);
        socket.Dispose();
        throw new CaptureException($"interface '{card}' cannot be captured: {new System.ComponentModel.Win32Exception(error).Message} (errno {error})");
    }

    /// <summary>Lets <see cref="Read"/> end. Any thread.</summary>
    public void Stop() => _stopped = true;

    /// <summary>Hands over all blocks that are full; waits a tenth of a second when there is none.</summary>
    /// <returns>False once it was stopped and the ring is empty.</returns>
    public bool Read<THandler>(THandler handler) where THandler : IFrameHandler
    {
        int done = 0;
        for (; done < _blocks; done++)
        {
            byte* block = _memory + (nuint)_block * BlockBytes;
            if ((Volatile.Read(ref *(uint*)(block + StatusAt)) & HandedOver) == 0) break;
            ReadBlock(block, handler, _mayLoop);
            Volatile.Write(ref *(uint*)(block + StatusAt), 0);
            _block = _block + 1 == _blocks ? 0 : _block + 1;
        }
        if (done > 0) return true;
        if (_stopped) return false;
        int error = PacketSocket.Wait(WaitMilliseconds, _socket);
        return error is 0 or PacketRingSocket.Interrupted ? true : throw new CaptureException($"the interface cannot be captured any longer: errno {error}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_memory != null) PacketRingSocket.Unmap(_memory, (nuint)_blocks * BlockBytes);
        _memory = null;
        _socket.Dispose();
    }

    private static void ReadBlock<THandler>(byte* block, THandler handler, bool mayLoop) where THandler : IFrameHandler
    {
        byte* frame = block + *(uint*)(block + FirstFrameAt);
        for (uint left = *(uint*)(block + FramesAt); left > 0; left--)
        {
            // On loopback every packet passes twice, out and in.
            if (!mayLoop || *(ushort*)(frame + HardwareTypeAt) != LoopbackHardware || frame[PacketTypeAt] != Outgoing)
            {
                long nanoseconds = *(uint*)(frame + SecondsAt) * 1_000_000_000L + *(uint*)(frame + NanosecondsAt);
                var bytes = new ReadOnlySpan<byte>(frame + *(ushort*)(frame + NetworkAt), (int)*(uint*)(frame + CapturedAt));
                handler.OnFrame(new CapturedFrame(nanoseconds, LinkType.Raw, (int)*(uint*)(frame + LengthAt), bytes));
            }
            frame += *(uint*)frame;
        }
    }
}
