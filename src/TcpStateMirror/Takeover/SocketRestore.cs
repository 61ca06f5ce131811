using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Appliance.TcpStateMirror.Interop;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Takeover;

/// <summary>Makes a socket that continues another node's connection (TCP_REPAIR). Between <see cref="TryMake"/> and <see cref="Release"/> it says nothing and its address need not be there.</summary>
public static class SocketRestore
{
    // A window that has grown stale may be small; the peer's next segment corrects it, and what overruns it is dropped and repeated.
    private const uint SmallestWindow = 65535;

    /// <summary>The peer has seen the old node's clock at most so many milliseconds ahead of what another node computes from the record; going back would make it drop everything (PAWS, RFC 7323).</summary>
    public const uint TimestampReserve = 100;

    /// <summary>Makes the socket.</summary>
    /// <param name="record">What it was at its beginning, with the timestamp clock of now.</param>
    /// <param name="received">The peer's stream: all of it up to its contiguous end was received, and its FIN if it is finished.</param>
    /// <param name="sent">The stream that goes to the peer; its base is what the peer has acknowledged, the rest is sent again.</param>
    /// <returns>The descriptor; or the negated errno (EADDRINUSE, EADDRNOTAVAIL: a socket with the same ends is there).</returns>
    public static int TryMake(in SocketRecord record, StreamAssembly received, StreamAssembly sent)
    {
        bool six = !record.Key.Local.IsIPv4;
        int descriptor = TcpRepair.Create(six);
        if (descriptor < 0) return descriptor;
        int error = Prepare(descriptor, six, record, received, sent);
        if (error == 0) error = Agree(descriptor, record, received, sent);
        if (error == 0) error = Refill(descriptor, sent);
        if (error >= 0) return descriptor;
        TcpRepair.Close(descriptor); // in repair mode: silent
        return error;
    }

    /// <summary>Lets it speak: it tells the peer what it has received and sends again what was not acknowledged.</summary>
    /// <returns>0, or the negated errno.</returns>
    public static int Release(int descriptor)
    {
        int error = TcpRepair.SetRepair(descriptor, TcpRepair.Off);
        if (error == 0) error = TcpRepair.SetReuseAddress(descriptor); // leaving repair clears it
        return error == 0 ? TcpRepair.SetNoDelay(descriptor) : error;
    }

    /// <summary>Makes a socket forget its connection when it is closed: the peer hears neither FIN nor RST, since another node goes on with it.</summary>
    /// <returns>0, or the negated errno.</returns>
    public static int Silence(int descriptor) => TcpRepair.SetRepair(descriptor, TcpRepair.On);

    /// <summary>Bytes that were written to a socket and not acknowledged by its peer; an unacknowledged FIN counts one. Negative: the errno.</summary>
    public static int Unacknowledged(int descriptor) => TcpRepair.Unacknowledged(descriptor);

    private static int Prepare(int descriptor, bool six, in SocketRecord record, StreamAssembly received, StreamAssembly sent)
    {
        int error = TcpRepair.SetReuseAddress(descriptor);
        if (error == 0) error = TcpRepair.SetTransparent(descriptor, six);
        if (error == 0) error = TcpRepair.SetRepair(descriptor, TcpRepair.On);
        if (error == 0) error = TcpRepair.SelectQueue(descriptor, TcpRepair.Sending);
        if (error == 0) error = TcpRepair.SetSequence(descriptor, record.FirstSent + (uint)sent.Base);
        if (error == 0) error = TcpRepair.SelectQueue(descriptor, TcpRepair.Receiving);
        if (error == 0) error = TcpRepair.SetSequence(descriptor, NextReceived(record, received));
        if (error == 0) error = TcpRepair.SetSendBuffer(descriptor, (int)(2 * (sent.End - sent.Base)) + (1 << 20));
        Span<byte> address = stackalloc byte[28];
        if (error == 0) error = TcpRepair.Bind(descriptor, Format(address, record.Key.Local, record.Key.LocalPort));
        return error == 0 ? TcpRepair.Connect(descriptor, Format(address, record.Key.Remote, record.Key.RemotePort)) : error;
    }

    private static int Agree(int descriptor, in SocketRecord record, StreamAssembly received, StreamAssembly sent)
    {
        Span<TcpRepair.Option> options = stackalloc TcpRepair.Option[4];
        int count = 0;
        options[count++] = new TcpRepair.Option { Code = 2, Value = record.SegmentBytes };
        if (record.SendScale != 0 || record.ReceiveScale != 0) options[count++] = new TcpRepair.Option { Code = 3, Value = record.SendScale | (uint)record.ReceiveScale << 16 };
        if (record.HasSack) options[count++] = new TcpRepair.Option { Code = 4 };
        if (record.HasTimestamps) options[count++] = new TcpRepair.Option { Code = 8 };
        int error = TcpRepair.SetOptions(descriptor, options[..count]);
        // The lowest bit would choose a clock of microseconds.
        if (error == 0 && record.HasTimestamps) error = TcpRepair.SetTimestamp(descriptor, record.Timestamp & ~1u);
        if (error < 0) return error;
        error = TcpRepair.GetWindow(descriptor, out TcpRepair.Window window);
        if (error < 0) return error;
        uint next = NextReceived(record, received);
        window.UpdateSequence = next - 1;
        window.Send = window.Largest = Math.Max(SmallestWindow, (uint)(sent.End - sent.Base));
        window.Receive = Math.Max(window.Receive, SmallestWindow);
        window.ReceiveUpdate = next;
        return TcpRepair.SetWindow(descriptor, window);
    }

    private static int Refill(int descriptor, StreamAssembly sent)
    {
        int error = TcpRepair.SelectQueue(descriptor, TcpRepair.Sending);
        for (long offset = sent.Base; error >= 0 && offset < sent.End;)
        {
            error = TcpRepair.Send(descriptor, sent.Read(offset));
            if (error > 0) offset += error;
        }
        return Math.Min(error, 0);
    }

    private static uint NextReceived(in SocketRecord record, StreamAssembly received) => record.FirstReceived + (uint)received.End + (received.IsFinished ? 1u : 0);

    private static ReadOnlySpan<byte> Format(Span<byte> destination, in IpAddressBytes address, ushort port)
    {
        destination.Clear();
        MemoryMarshal.Write(destination, address.IsIPv4 ? (ushort)2 : (ushort)10);
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], port);
        _ = address.CopyTo(destination[(address.IsIPv4 ? 4 : 8)..]);
        return destination[..(address.IsIPv4 ? 16 : 28)];
    }
}
