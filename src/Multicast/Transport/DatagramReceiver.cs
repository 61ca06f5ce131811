using System.Net.Sockets;
using System.Runtime.InteropServices;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>Takes received datagrams. A struct, so that the call is direct.</summary>
internal interface IDatagramHandler
{
    /// <param name="datagram">Valid during the call; may be changed in place.</param>
    /// <param name="source">Who sent it.</param>
    void OnDatagram(Span<byte> datagram, ref NativeAddress source);
}

/// <summary>Receives batches of datagrams from one UDP socket. One thread; nothing is allocated after construction.</summary>
internal sealed unsafe class DatagramReceiver : IDisposable
{
    /// <summary>Longest coalesced run of UDP_GRO.</summary>
    private const int CoalescedBytes = 65536;

    /// <summary>Buffers at multiples of 64 KiB would all compete for the same cache sets; the odd lines spread them.</summary>
    private const int StaggerBytes = 17 * 64;

    private readonly SafeSocketHandle _socket;
    private readonly TransportCounters _counters;
    private readonly int _capacity;
    private readonly int _strideBytes;
    private readonly int _bufferBytes;
    private readonly byte* _buffers;
    private readonly Udp.BatchMessage* _messages;
    private readonly Udp.Vector* _vectors;
    private readonly NativeAddress* _names;
    private readonly Udp.Control* _controls;

    /// <param name="socket">Non-blocking.</param>
    /// <param name="maxDatagramBytes">Longer datagrams are counted and dropped.</param>
    /// <param name="batch">Most messages per call.</param>
    /// <param name="coalesce">Ask for UDP_GRO; see <see cref="Coalesces"/>.</param>
    /// <param name="counters">Where to count.</param>
    internal DatagramReceiver(SafeSocketHandle socket, int maxDatagramBytes, int batch, bool coalesce, TransportCounters counters)
    {
        _socket = socket;
        _counters = counters;
        _capacity = batch;
        Coalesces = coalesce && SocketOptions.Set(socket, Udp.SolUdp, Udp.ReceiveOffload, 1) == 0;
        _bufferBytes = Coalesces ? CoalescedBytes : (maxDatagramBytes + 63) & ~63;
        _strideBytes = _bufferBytes + (Coalesces ? StaggerBytes : 0);
        _buffers = (byte*)NativeMemory.AlignedAlloc((nuint)(_strideBytes * batch), 64);
        _messages = (Udp.BatchMessage*)NativeMemory.AllocZeroed((nuint)batch, (nuint)sizeof(Udp.BatchMessage));
        _vectors = (Udp.Vector*)NativeMemory.AllocZeroed((nuint)batch, (nuint)sizeof(Udp.Vector));
        _names = (NativeAddress*)NativeMemory.AllocZeroed((nuint)batch, (nuint)sizeof(NativeAddress));
        _controls = (Udp.Control*)NativeMemory.AllocZeroed((nuint)batch, (nuint)sizeof(Udp.Control));
        for (int i = 0; i < batch; i++)
        {
            _vectors[i] = new Udp.Vector { Base = _buffers + (long)i * _strideBytes, Length = (nuint)_bufferBytes };
            _messages[i].Header.Vectors = &_vectors[i];
            _messages[i].Header.VectorCount = 1;
            _messages[i].Header.Name = &_names[i];
            _messages[i].Header.Control = &_controls[i];
        }
    }

    /// <summary>The kernel hands over coalesced runs (UDP_GRO, Linux 5.0).</summary>
    internal bool Coalesces { get; }

    /// <summary>Most messages per call.</summary>
    internal int Capacity => _capacity;

    /// <summary>Receives one batch and hands its datagrams over in order.</summary>
    /// <returns>Messages received (a coalesced run is one); less than <see cref="Capacity"/> when the socket is empty now.</returns>
    internal int Receive<THandler>(ref THandler handler)
        where THandler : struct, IDatagramHandler, allows ref struct
    {
        for (int i = 0; i < _capacity; i++)
        {
            _messages[i].Header.NameLength = NativeAddress.MaxBytes;
            _messages[i].Header.ControlLength = Coalesces ? (nuint)Udp.ControlBytes : 0;
        }
        int count = Udp.ReceiveBatch(_socket, _messages, _capacity);
        if (count < 0)
        {
            if (-count is not (Errno.WouldBlock or Errno.Interrupted)) _counters.ReceiveErrors++;
            return 0;
        }
        _counters.ReceiveCalls++;
        for (int i = 0; i < count; i++) HandOver(i, ref handler);
        return count;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_buffers);
        NativeMemory.Free(_messages);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_names);
        NativeMemory.Free(_controls);
    }

    private void HandOver<THandler>(int index, ref THandler handler)
        where THandler : struct, IDatagramHandler, allows ref struct
    {
        ref Udp.BatchMessage message = ref _messages[index];
        if ((message.Header.Flags & Udp.Truncated) != 0)
        {
            _counters.ReceivesTruncated++;
            return;
        }
        int length = (int)message.Length;
        int segment = length;
        ref Udp.Control control = ref _controls[index];
        if (message.Header.ControlLength >= 20 && control.Level == Udp.SolUdp && control.Type == Udp.ReceiveOffload && control.Value > 0)
            segment = control.Value;
        _names[index].Length = message.Header.NameLength;
        byte* start = _buffers + (long)index * _strideBytes;
        _counters.BytesReceived += length;
        int offset = 0;
        do
        {
            int bytes = Math.Min(segment, length - offset);
            _counters.DatagramsReceived++;
            handler.OnDatagram(new Span<byte>(start + offset, bytes), ref _names[index]);
            offset += bytes;
        }
        while (offset < length);
    }
}
