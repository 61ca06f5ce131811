using System.Buffers.Binary;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Builds and sends the loop's datagrams other than DATA, one at a time, in one buffer.</summary>
internal sealed class ControlOutput
{
    private readonly EngineContext _context;
    private readonly byte[] _buffer;
    private ulong _counter;

    public ControlOutput(EngineContext context)
    {
        _context = context;
        _buffer = new byte[Math.Max(context.Options.DatagramBytes, DatagramHeader.Bytes + DatagramHeader.SaltBytes + SetupView.MaxBytes + DatagramHeader.TagBytes)];
    }

    /// <summary>Where to write the body of a datagram of this type.</summary>
    public Span<byte> Body(DatagramType type) => _buffer.AsSpan(DatagramHeader.ClearBytesOf(type));

    /// <summary>Writes the header round the body and seals it. The result is valid until the next call of any member.</summary>
    public ReadOnlySpan<byte> Finish(DatagramType type, int bodyBytes, DatagramFlags flags = DatagramFlags.None)
    {
        var cipher = _context.Keys.Sealing;
        int clear = DatagramHeader.ClearBytesOf(type);
        byte version = type is DatagramType.Join or DatagramType.Setup ? DatagramHeader.HandshakeVersion : _context.WireVersion;
        if (cipher is not null) flags |= DatagramFlags.Sealed;
        DatagramHeader.Write(_buffer, version, type, flags, _context.Group, _context.Self, _context.Identity.Incarnation, ++_counter, cipher?.KeyId ?? 0, bodyBytes);
        if (clear > DatagramHeader.Bytes) BinaryPrimitives.WriteUInt128BigEndian(_buffer.AsSpan(DatagramHeader.Bytes), _context.Identity.Salt);
        if (cipher is null) return _buffer.AsSpan(0, clear + bodyBytes);
        var datagram = _buffer.AsSpan(0, clear + bodyBytes + DatagramHeader.TagBytes);
        cipher.Seal(datagram, clear);
        return datagram;
    }

    /// <summary>Wraps an original DATA datagram.</summary>
    public ReadOnlySpan<byte> Repair(ReadOnlySpan<byte> original) =>
        _buffer.AsSpan(0, DatagramPrefix.WriteRepair(_buffer, _context.WireVersion, _context.Group, original));

    /// <summary>Sends to one member, by multicast if it does not hear our unicast (P-94).</summary>
    public void Send<TSink>(Peer peer, ReadOnlySpan<byte> datagram, ref TSink sink) where TSink : struct, IEngineSink
    {
        _context.Counters.ControlDatagramsSent++;
        if (peer.Paths.UnicastLost && _context.Options.Transport == GroupTransport.Multicast) sink.SendToGroup(datagram, datagram.Length);
        else sink.SendTo(peer.EndPoint, datagram);
    }

    /// <summary>Sends to all members.</summary>
    public void SendToGroup<TSink>(ReadOnlySpan<byte> datagram, PeerTable peers, ref TSink sink) where TSink : struct, IEngineSink
    {
        _context.Counters.ControlDatagramsSent++;
        sink.SendToGroup(datagram, datagram.Length);
        if (peers.ByUnicastCount == 0) return;
        foreach (var peer in peers.All)
        {
            if (peer.Member.ByUnicast) sink.SendTo(peer.EndPoint, datagram);
        }
    }
}
