using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Appliance.Cluster.Addresses;
using Appliance.TcpStateMirror.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.TcpStateMirror.Takeover;

/// <summary>A packet that the kernel holds until it is told what to do with it. Valid until the next <see cref="PacketQueue.TryReceive"/>.</summary>
public readonly ref struct QueuedPacket
{
    /// <summary>Names it in <see cref="PacketQueue.Decide"/>.</summary>
    public required uint Id { get; init; }

    /// <summary>From the IP header on; whoever has read it may write over it.</summary>
    public required Span<byte> Datagram { get; init; }

    /// <summary>Neither card nor kernel has checked the TCP checksum.</summary>
    public required bool IsUnverified { get; init; }

    /// <summary>The kernel gave only its beginning.</summary>
    public required bool IsCut { get; init; }
}

/// <summary>
/// One queue of the kernel's packet filter (NFQUEUE; uapi/linux/netfilter/nfnetlink_queue.h): packets wait in it until this program decides. Fail-closed: with the program they are dropped. One thread; no
/// allocation once it is open.
/// </summary>
/// <remarks>
/// <code>
/// message:  nlmsghdr 16 | family u8 | version u8 | queue u16 big-endian | attributes: length u16, type u16, value, padded to 4
/// verdict:  attribute 2: verdict u32, packet id u32, both big-endian
/// </code>
/// </remarks>
public sealed class PacketQueue : IDisposable
{
    private const ushort Subsystem = 3 << 8, PacketMessage = Subsystem, VerdictMessage = Subsystem | 1, ConfigMessage = Subsystem | 2;
    private const ushort ErrorMessage = 2;
    private const ushort CommandAttribute = 1, ParametersAttribute = 2, LengthAttribute = 3, MaskAttribute = 4, FlagsAttribute = 5;
    private const ushort HeaderAttribute = 1, VerdictAttribute = 2, PayloadAttribute = 10, WholeLengthAttribute = 13, PacketInfoAttribute = 14;
    private const uint SegmentsFlag = 4, NotVerified = 4;
    private const byte Bind = 1, CopyPacket = 2;
    private const int NetlinkHeaderBytes = 16, QueueHeaderBytes = 4, FixedBytes = NetlinkHeaderBytes + QueueHeaderBytes, VerdictBytes = FixedBytes + 12;
    private const int VerdictsPerSend = 128;
    private const uint Accept = 1, Drop = 0;

    // The largest IP datagram and its attributes.
    private const int ReceiveBytes = 72 << 10;

    // What waits in the socket has been copied by the kernel: 16 MiB hold some 250 of the largest segments.
    private const int SocketBufferBytes = 16 << 20;

    private readonly SafeFileHandle _socket;
    private readonly byte[] _received = GC.AllocateUninitializedArray<byte>(ReceiveBytes, pinned: true);
    private readonly byte[] _verdicts = new byte[VerdictsPerSend * VerdictBytes];
    private int _decided;

    private PacketQueue(SafeFileHandle socket, ushort number)
    {
        _socket = socket;
        Number = number;
    }

    /// <summary>Its number in rules.</summary>
    public ushort Number { get; }

    /// <summary>To be watched for reading.</summary>
    public int Descriptor => (int)_socket.DangerousGetHandle();

    /// <summary>Decisions that the kernel refused: the packet was gone, for example with its card.</summary>
    public long Refused { get; private set; }

    /// <summary>Takes a queue in the calling thread's network namespace.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="maxPackets">Packets that may wait in it; what comes then is dropped, and its senders repeat it.</param>
    /// <param name="queue">The queue; null when it is taken.</param>
    /// <returns>False when another program has it.</returns>
    /// <exception cref="TakeoverSetupException">The kernel refused.</exception>
    public static bool TryOpen(ushort number, int maxPackets, out PacketQueue? queue)
    {
        queue = null;
        int error = NetfilterSocket.Open(blocking: false, SocketBufferBytes, out SafeFileHandle socket);
        if (error == 0) error = Configure(socket, number, maxPackets);
        if (error == 0)
        {
            queue = new PacketQueue(socket, number);
            return true;
        }
        socket.Dispose();
        return -error switch
        {
            NetfilterSocket.Busy => false,
            // The kernel answers EPERM also for a queue that another socket has (nfqnl_recv_config).
            NetfilterSocket.NotPermitted when HasCapability() => false,
            NetfilterSocket.NotPermitted => throw new TakeoverSetupException("packets cannot be held: CAP_NET_ADMIN is missing; give it to the program or run it as root"),
            _ => throw new TakeoverSetupException($"packets cannot be held: the kernel refused queue {number} with errno {-error}; it needs CONFIG_NETFILTER_NETLINK_QUEUE"),
        };
    }

    /// <summary>Fetches the next packet, if there is one.</summary>
    public bool TryReceive(out QueuedPacket packet)
    {
        while (true)
        {
            int bytes = KernelSocket.Receive(_socket, _received);
            if (bytes == -NetfilterSocket.Interrupted) continue;
            if (bytes < FixedBytes)
            {
                packet = default;
                return false;
            }
            if (TryRead(_received.AsSpan(0, bytes), out packet)) return true;
        }
    }

    /// <summary>Lets a packet go on, or drops it; the kernel is told with <see cref="Flush"/>, or when many have been decided.</summary>
    public void Decide(uint id, bool accept)
    {
        Span<byte> message = _verdicts.AsSpan(_decided * VerdictBytes, VerdictBytes);
        MemoryMarshal.Write(message, (uint)VerdictBytes);
        MemoryMarshal.Write(message[4..], VerdictMessage);
        MemoryMarshal.Write(message[6..], NetlinkWriter.Request);
        message[8..16].Clear();
        MemoryMarshal.Write(message[16..], (ushort)0);
        BinaryPrimitives.WriteUInt16BigEndian(message[18..], Number);
        MemoryMarshal.Write(message[20..], (ushort)12);
        MemoryMarshal.Write(message[22..], VerdictAttribute);
        BinaryPrimitives.WriteUInt32BigEndian(message[24..], accept ? Accept : Drop);
        BinaryPrimitives.WriteUInt32BigEndian(message[28..], id);
        if (++_decided == VerdictsPerSend) Flush();
    }

    /// <summary>Tells the kernel what was decided.</summary>
    public void Flush()
    {
        if (_decided == 0) return;
        if (KernelSocket.Send(_socket, _verdicts.AsSpan(0, _decided * VerdictBytes)) < 0) Refused += _decided;
        _decided = 0;
    }

    /// <summary>Gives the queue back: what waits in it is dropped.</summary>
    public void Dispose() => _socket.Dispose();

    /// <summary>Reads a message of the kernel. Whatever the bytes are, it does not throw.</summary>
    internal static bool TryRead(Span<byte> message, out QueuedPacket packet)
    {
        packet = default;
        if (message.Length < FixedBytes || MemoryMarshal.Read<ushort>(message[4..]) != PacketMessage) return false;
        uint length = MemoryMarshal.Read<uint>(message);
        if (length < FixedBytes || length > message.Length) return false;
        Span<byte> attributes = message[FixedBytes..(int)length], payload = default;
        uint id = 0, whole = 0, information = 0;
        bool named = false;
        while (attributes.Length >= 4)
        {
            int bytes = MemoryMarshal.Read<ushort>(attributes);
            ushort type = (ushort)(MemoryMarshal.Read<ushort>(attributes[2..]) & 0x3fff);
            if (bytes < 4 || bytes > attributes.Length) return false;
            Span<byte> value = attributes[4..bytes];
            switch (type)
            {
                case HeaderAttribute when value.Length >= 4:
                    id = BinaryPrimitives.ReadUInt32BigEndian(value);
                    named = true;
                    break;
                case WholeLengthAttribute when value.Length >= 4: whole = BinaryPrimitives.ReadUInt32BigEndian(value); break;
                case PacketInfoAttribute when value.Length >= 4: information = BinaryPrimitives.ReadUInt32BigEndian(value); break;
                case PayloadAttribute: payload = value; break;
            }
            attributes = attributes[Math.Min(bytes + 3 & ~3, attributes.Length)..];
        }
        if (!named) return false;
        packet = new QueuedPacket { Id = id, Datagram = payload, IsUnverified = (information & NotVerified) != 0, IsCut = whole > payload.Length };
        return true;
    }

    private static int Configure(SafeFileHandle socket, ushort number, int maxPackets)
    {
        Span<byte> buffer = stackalloc byte[256];
        int error = Ask(socket, buffer, number, CommandAttribute, [Bind, 0, 0, 0]);
        if (error != 0) return error;
        Span<byte> four = stackalloc byte[5];
        BinaryPrimitives.WriteUInt32BigEndian(four, 0xffff);
        four[4] = CopyPacket;
        error = Ask(socket, buffer, number, ParametersAttribute, four);
        if (error != 0) return error;
        BinaryPrimitives.WriteUInt32BigEndian(four, (uint)maxPackets);
        error = Ask(socket, buffer, number, LengthAttribute, four[..4]);
        if (error != 0) return error;
        BinaryPrimitives.WriteUInt32BigEndian(four, SegmentsFlag);
        return Ask(socket, buffer, number, FlagsAttribute, four[..4], mask: true);
    }

    private static int Ask(SafeFileHandle socket, Span<byte> buffer, ushort number, ushort attribute, scoped ReadOnlySpan<byte> value, bool mask = false)
    {
        var writer = new NetlinkWriter(buffer);
        writer.Begin(ConfigMessage, NetlinkWriter.Acknowledge);
        writer.Put((ushort)0);
        writer.Put(BinaryPrimitives.ReverseEndianness(number));
        writer.Attribute(attribute, value);
        if (mask) writer.Attribute(MaskAttribute, value);
        writer.End();
        int sent = KernelSocket.Send(socket, buffer[..writer.Length]);
        if (sent < 0) return sent;
        // The kernel has answered when the send returns. Packets may stand before the answer once the queue is bound.
        Span<byte> answer = GC.AllocateUninitializedArray<byte>(ReceiveBytes);
        while (true)
        {
            int received = KernelSocket.Receive(socket, answer);
            if (received < 0) return received;
            if (received >= NetlinkHeaderBytes + 4 && MemoryMarshal.Read<ushort>(answer[4..]) == ErrorMessage) return MemoryMarshal.Read<int>(answer[NetlinkHeaderBytes..]);
        }
    }

    private static bool HasCapability()
    {
        // A queue's configuration asks for CAP_NET_ADMIN in nfnetlink_rcv before it looks whose the queue is: opening a table of rules asks the same.
        const ulong netAdmin = 1UL << 12;
        foreach (string line in File.ReadLines("/proc/self/status"))
            if (line.StartsWith("CapEff:", StringComparison.Ordinal)) return (Convert.ToUInt64(line[7..].Trim(), 16) & netAdmin) != 0;
        return false;
    }
}
