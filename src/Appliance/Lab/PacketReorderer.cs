using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Appliance.Interop;

namespace Appliance.Lab;

/// <summary>
/// Holds packets back so that later ones overtake them. The packet filter forwards what is to be late into one end of a cable (the inlet); this process
/// reads it at the other, waits, and sends it out of the bridge port where it was going, marked so that it is not caught again.
/// </summary>
internal sealed class PacketReorderer
{
    private const int EtherTypeIpv4 = 0x0800, FrameBytes = 65536, MarkOption = 36, SocketLevel = 1, MaxHeld = 8192;

    // From a little less than the group's reorder delay, which must not cause a repair, to several times as much, which must.
    private const double ShortestMilliseconds = 0.2, LongestMilliseconds = 3;

    private readonly Socket _outlet;
    private readonly Socket _port;
    private readonly PriorityQueue<byte[], long> _held = new();

    private PacketReorderer(string node)
    {
        _outlet = Open(OutletOf(node));
        _port = Open($"{node}-sync");
        Span<byte> mark = stackalloc byte[sizeof(int)];
        MemoryMarshal.Write(mark, PacketFilter.ReorderedMark);
        _port.SetRawSocketOption(SocketLevel, MarkOption, mark);
    }

    /// <summary>The cable's end into which the packet filter forwards.</summary>
    internal static string InletOf(string node) => $"{node}-late";

    /// <summary>The cable's end that is read.</summary>
    internal static string OutletOf(string node) => $"{node}-hold";

    /// <summary>Reorders towards these nodes until the process is killed. Runs inside the hub's namespace.</summary>
    internal static void Run(IReadOnlyList<string> nodes)
    {
        Thread[] threads = [.. nodes.Select(static node => new Thread(() => new PacketReorderer(node).Forward()) { Name = $"reorder {node}" })];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
    }

    private static Socket Open(string card)
    {
        // For this family the protocol is the Ethernet type in network order (packet(7)).
        var socket = new Socket(AddressFamily.Packet, SocketType.Raw, (ProtocolType)BinaryPrimitives.ReverseEndianness((ushort)EtherTypeIpv4));
        socket.Bind(new PacketEndPoint(EtherTypeIpv4, NetworkCards.IndexOf(card)));
        return socket;
    }

    private void Forward()
    {
        var buffer = new byte[FrameBytes];
        while (true)
        {
            long now = Stopwatch.GetTimestamp();
            while (_held.TryPeek(out byte[]? frame, out long due) && due <= now)
            {
                _held.Dequeue();
                _port.Send(frame);
            }
            int wait = _held.TryPeek(out _, out long next) ? (int)Math.Max(1, (next - now) * 1_000_000 / Stopwatch.Frequency) : 100_000;
            if (!_outlet.Poll(wait, SelectMode.SelectRead)) continue;
            int bytes = _outlet.Receive(buffer);
            byte[] late = buffer[..bytes];
            ClearUdpChecksum(late);
            double delay = ShortestMilliseconds + Random.Shared.NextDouble() * (LongestMilliseconds - ShortestMilliseconds);
            if (_held.Count < MaxHeld) _held.Enqueue(late, now + (long)(delay * Stopwatch.Frequency / 1000));
            else _port.Send(late); // no more memory for lateness: in order is as good
        }
    }

    /// <summary>A virtual card leaves the checksum to the receiving card, which a frame from user space does not pass: zero says that there is none (RFC 768).</summary>
    private static void ClearUdpChecksum(Span<byte> frame)
    {
        const int ethernetBytes = 14, protocolOffset = 9, udp = 17, checksumOffset = 6;
        if (frame.Length < ethernetBytes + 20 || frame[ethernetBytes + protocolOffset] != udp) return;
        int header = ethernetBytes + (frame[ethernetBytes] & 15) * 4;
        if (frame.Length >= header + 8) frame.Slice(header + checksumOffset, 2).Clear();
    }

    /// <summary>sockaddr_ll of packet(7).</summary>
    private sealed class PacketEndPoint(ushort etherType, int card) : EndPoint
    {
        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, 20);
            BinaryPrimitives.WriteUInt16BigEndian(address.Buffer.Span[2..], etherType);
            MemoryMarshal.Write(address.Buffer.Span[4..], card);
            return address;
        }
    }
}
