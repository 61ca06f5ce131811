using System.Net.Sockets;
using System.Runtime.InteropServices;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>How a sender hands runs of datagrams to the kernel.</summary>
public enum SendMethod : byte
{
    /// <summary>UDP_SEGMENT: one call and one walk through the stack for up to 64 KiB.</summary>
    SegmentationOffload,

    /// <summary>sendmmsg: one call, one walk per datagram.</summary>
    BatchedCalls,
}

/// <summary>Sends runs of datagrams from one UDP socket. One thread.</summary>
/// <remarks>
/// Never waits and never spins: what the kernel does not take is kept (bounded) until <see cref="OnWritable"/>, in order.
/// What is dropped is counted by reason; the protocol repairs it.
/// </remarks>
internal sealed unsafe class DatagramSender : IDisposable
{
    /// <summary>About three super-packets at their longest: enough to ride out a full queue of the device, little enough to stay fresh.</summary>
    internal const int DefaultPendingBytes = 256 * 1024;

    private const int BatchCapacity = 64;
    private readonly SafeSocketHandle _socket;
    private readonly TransportCounters _counters;
    private readonly PendingSends _pending;
    private readonly Udp.BatchMessage* _messages;
    private readonly Udp.Vector* _vectors;
    private readonly NativeAddress* _name;
    private readonly Udp.Control* _control;

    internal DatagramSender(SafeSocketHandle socket, SendMethod method, TransportCounters counters, int pendingBytes = DefaultPendingBytes)
    {
        _socket = socket;
        _counters = counters;
        Method = method;
        _pending = new PendingSends(pendingBytes);
        _messages = (Udp.BatchMessage*)NativeMemory.AllocZeroed(BatchCapacity, (nuint)sizeof(Udp.BatchMessage));
        _vectors = (Udp.Vector*)NativeMemory.AllocZeroed(BatchCapacity, (nuint)sizeof(Udp.Vector));
        _name = (NativeAddress*)NativeMemory.AllocZeroed((nuint)sizeof(NativeAddress));
        _control = (Udp.Control*)NativeMemory.AllocZeroed((nuint)sizeof(Udp.Control));
        *_control = new Udp.Control { Length = 18, Level = Udp.SolUdp, Type = Udp.Segment }; // CMSG_LEN(sizeof(u16))
        for (int i = 0; i < BatchCapacity; i++)
        {
            _messages[i].Header.Vectors = &_vectors[i];
            _messages[i].Header.VectorCount = 1;
            _messages[i].Header.Name = _name;
        }
    }

    /// <summary>How runs are sent now: falls back for good when the kernel or the device refuses segmentation.</summary>
    internal SendMethod Method { get; private set; }

    /// <summary>Why segmentation is not used; null while it is.</summary>
    internal string? FallbackReason { get; private set; }

    /// <summary>Bytes kept until the socket is writable; the owner watches for that while it is not 0.</summary>
    internal int PendingBytes => _pending.Bytes;

    /// <summary>Whether this kernel knows UDP_SEGMENT (Linux 4.18).</summary>
    internal static bool KernelHasSegmentation(SafeSocketHandle udpSocket) => SocketOptions.Get(udpSocket, Udp.SolUdp, Udp.Segment) >= 0;

    /// <summary>Sends a run: all datagrams but the last are <paramref name="datagramBytes"/> long.</summary>
    internal void Send(ref NativeAddress destination, ReadOnlySpan<byte> datagrams, int datagramBytes)
    {
        int done = _pending.IsEmpty ? SendNow(ref destination, datagrams, datagramBytes) : 0;
        if (done < datagrams.Length) Keep(ref destination, datagrams[done..], datagramBytes);
    }

    /// <summary>Continues with what was kept.</summary>
    internal void OnWritable()
    {
        while (!_pending.IsEmpty)
        {
            ReadOnlySpan<byte> run = _pending.Peek(out NativeAddress destination, out int datagramBytes);
            int done = SendNow(ref destination, run, datagramBytes);
            if (done > 0) _pending.Consume(done);
            if (done < run.Length) return;
        }
    }

    public void Dispose()
    {
        _pending.Dispose();
        NativeMemory.Free(_messages);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_name);
        NativeMemory.Free(_control);
    }

    private void Keep(ref NativeAddress destination, ReadOnlySpan<byte> datagrams, int datagramBytes)
    {
        _counters.SendsDeferred++;
        if (!_pending.TryAdd(ref destination, datagrams, datagramBytes))
            _counters.SendsDroppedFull += CountDatagrams(datagrams.Length, datagramBytes);
    }

    /// <returns>Bytes dealt with, sent or dropped; less than the length when the kernel would have blocked.</returns>
    private int SendNow(ref NativeAddress destination, ReadOnlySpan<byte> datagrams, int datagramBytes)
    {
        *_name = destination;
        fixed (byte* start = datagrams)
        {
            int done = 0;
            while (done < datagrams.Length)
            {
                int rest = datagrams.Length - done;
                int step = Method == SendMethod.SegmentationOffload && rest > datagramBytes
                    ? SendSegmented(start + done, rest, datagramBytes)
                    : SendBatch(start + done, rest, datagramBytes);
                if (step == 0) break;
                done += step;
            }
            return done;
        }
    }

    private int SendSegmented(byte* start, int bytes, int datagramBytes)
    {
        int segments = Math.Min(Udp.MaxSegments, Udp.MaxPayloadBytes / datagramBytes);
        int length = Math.Min(bytes, segments * datagramBytes);
        _control->Value = datagramBytes;
        _vectors[0] = new Udp.Vector { Base = start, Length = (nuint)length };
        ref Udp.Message message = ref _messages[0].Header;
        message.NameLength = _name->Length;
        message.Control = _control;
        message.ControlLength = Udp.ControlBytes;
        nint result = Udp.Send(_socket, &_messages[0].Header, Udp.DoNotWait);
        message.Control = null;
        message.ControlLength = 0;
        if (result >= 0)
        {
            CountSent(CountDatagrams(length, datagramBytes), length);
            return length;
        }
        int errno = (int)-result;
        // EIO: the device computes no checksums. EINVAL, EMSGSIZE: a segment does not fit the route's MTU, or an option that the kernel does not know.
        if (errno is not (Errno.InputOutput or Errno.Invalid or Errno.MessageSize)) return OnError(errno, length, datagramBytes);
        int done = SendBatch(start, length, datagramBytes, out bool sent);
        if (sent)
        {
            Method = SendMethod.BatchedCalls;
            FallbackReason = $"the kernel refused segmentation offload: {Errno.Name(errno)}";
        }
        return done;
    }

    private int SendBatch(byte* start, int bytes, int datagramBytes) => SendBatch(start, bytes, datagramBytes, out _);

    private int SendBatch(byte* start, int bytes, int datagramBytes, out bool sent)
    {
        int count = Math.Min(BatchCapacity, CountDatagrams(bytes, datagramBytes));
        int length = 0;
        for (int i = 0; i < count; i++)
        {
            int datagram = Math.Min(datagramBytes, bytes - length);
            _vectors[i] = new Udp.Vector { Base = start + length, Length = (nuint)datagram };
            _messages[i].Header.NameLength = _name->Length;
            length += datagram;
        }
        int result = Udp.SendBatch(_socket, _messages, count, Udp.DoNotWait);
        sent = result > 0;
        if (!sent) return OnError(-result, Math.Min(datagramBytes, bytes), datagramBytes);
        int sentBytes = Math.Min(length, result * datagramBytes);
        CountSent(result, sentBytes);
        return sentBytes;
    }

    /// <returns>Bytes dealt with: none when the caller shall wait, otherwise the bytes that are dropped.</returns>
    private int OnError(int errno, int bytes, int datagramBytes)
    {
        int count = CountDatagrams(bytes, datagramBytes);
        switch (errno)
        {
            case Errno.WouldBlock:
                return 0;
            case Errno.Interrupted:
                return 0; // a signal, before anything was sent: continued when writable, which it is
            case Errno.NetworkDown or Errno.NetworkUnreachable or Errno.HostUnreachable or Errno.HostDown or Errno.NoDevice or Errno.AddressNotAvailable:
                _counters.SendsDroppedNetworkDown += count;
                break;
            case Errno.MessageSize:
                _counters.SendsDroppedTooLong += count;
                break;
            default:
                _counters.SendsDroppedOther += count;
                break;
        }
        _counters.LastSendErrno = errno;
        return bytes;
    }

    private void CountSent(int datagrams, int bytes)
    {
        _counters.DatagramsSent += datagrams;
        _counters.BytesSent += bytes;
        _counters.SendCalls++;
    }

    private static int CountDatagrams(int bytes, int datagramBytes) => (bytes + datagramBytes - 1) / datagramBytes;
}
