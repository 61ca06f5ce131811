using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>Carries frames between two cards of its namespace and loses, delays and doubles some, as often as told; counts what it did.</summary>
internal sealed partial class Impairment : IDisposable
{
    private const int FrameBytes = 65536;
    private const double LongestDelayMilliseconds = 12;

    private readonly Socket _one, _other;
    private readonly Thread _carrier;
    private readonly Random _random = new(20251);
    private readonly PriorityQueue<(Socket To, byte[] Frame), long> _late = new();
    private volatile bool _ended;
    private volatile int _lostPerMille, _latePerMille, _doubledPerMille;

    internal Impairment(string one, string other)
    {
        _one = Open(one);
        _other = Open(other);
        _carrier = new Thread(Carry) { IsBackground = true, Name = "impairment" };
        _carrier.Start();
    }

    internal long Lost { get; private set; }

    internal long Late { get; private set; }

    internal long Doubled { get; private set; }

    /// <summary>From now on. Shares of a thousand frames.</summary>
    internal void Set(int lost, int late, int doubled) => (_lostPerMille, _latePerMille, _doubledPerMille) = (lost, late, doubled);

    public void Dispose()
    {
        _ended = true;
        _carrier.Join();
        _one.Dispose();
        _other.Dispose();
    }

    private static Socket Open(string card)
    {
        const ushort all = 3; // ETH_P_ALL
        var socket = new Socket(AddressFamily.Packet, SocketType.Raw, (ProtocolType)BinaryPrimitives.ReverseEndianness(all));
        socket.ReceiveBufferSize = 16 << 20;
        socket.Bind(new PacketEndPoint(all, (int)if_nametoindex(card)));
        return socket;
    }

    private void Carry()
    {
        var buffer = new byte[FrameBytes];
        var ready = new List<Socket>(2);
        while (!_ended)
        {
            long now = Stopwatch.GetTimestamp();
            while (_late.TryPeek(out (Socket To, byte[] Frame) held, out long due) && due <= now)
            {
                _late.Dequeue();
                held.To.Send(held.Frame);
            }
            ready.Clear();
            ready.Add(_one);
            ready.Add(_other);
            Socket.Select(ready, null, null, _late.Count > 0 ? 500 : 20_000);
            foreach (Socket from in ready) Pass(from, from == _one ? _other : _one, buffer);
        }
    }

    private void Pass(Socket from, Socket to, byte[] buffer)
    {
        EndPoint sender = new PacketEndPoint(0, 0);
        int bytes = from.ReceiveFrom(buffer, ref sender);
        const byte outgoing = 4;
        if (((PacketEndPoint)sender).PacketType == outgoing) return; // our own
        if (_random.Next(1000) < _lostPerMille)
        {
            Lost++;
            return;
        }
        if (_random.Next(1000) < _doubledPerMille)
        {
            Doubled++;
            to.Send(buffer.AsSpan(0, bytes));
        }
        if (_random.Next(1000) < _latePerMille)
        {
            Late++;
            _late.Enqueue((to, buffer[..bytes]), Stopwatch.GetTimestamp() + (long)(_random.NextDouble() * LongestDelayMilliseconds * Stopwatch.Frequency / 1000));
            return;
        }
        to.Send(buffer.AsSpan(0, bytes));
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint if_nametoindex(string card);

    /// <summary>sockaddr_ll of packet(7).</summary>
    private sealed class PacketEndPoint(ushort etherType, int card) : EndPoint
    {
        public byte PacketType { get; private init; }

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, 20);
            BinaryPrimitives.WriteUInt16BigEndian(address.Buffer.Span[2..], etherType);
            MemoryMarshal.Write(address.Buffer.Span[4..], card);
            return address;
        }

        public override EndPoint Create(SocketAddress socketAddress) => new PacketEndPoint(0, 0) { PacketType = socketAddress.Buffer.Span[10] };
    }
}
