namespace Appliance.TcpStateMirror.Packets;

/// <summary>
/// Puts the fragments of TCP datagrams together (RFC 791, RFC 8200). Bounded: so many datagrams at a time, the oldest makes room; all memory is
/// taken with the first fragment. Overlapping fragments are refused (RFC 5722). Not thread-safe.
/// </summary>
internal sealed class FragmentAssembler
{
    private const int MaxDatagrams = 16, MaxBytes = 65536, UnitBytes = 8;

    private readonly Datagram[] _datagrams = new Datagram[MaxDatagrams];
    private byte[]? _memory;
    private int _oldest;

    /// <summary>Takes a fragment.</summary>
    /// <param name="source">Source address.</param>
    /// <param name="destination">Destination address.</param>
    /// <param name="place">Where the fragment belongs.</param>
    /// <param name="length">Its length by its header.</param>
    /// <param name="bytes">What was captured of it.</param>
    /// <param name="whole">The datagram's payload with <see cref="PacketVerdict.Segment"/>; valid until the next call.</param>
    public PacketVerdict Add(scoped ReadOnlySpan<byte> source, scoped ReadOnlySpan<byte> destination, FragmentPlace place, int length, ReadOnlySpan<byte> bytes, out ReadOnlySpan<byte> whole)
    {
        whole = default;
        (uint identification, int offset, bool more) = place;
        if (bytes.Length < length) return PacketVerdict.TruncatedIp;
        if (length == 0 || offset + length > MaxBytes || (more && length % UnitBytes != 0)) return PacketVerdict.BadFragment;
        _memory ??= new byte[MaxDatagrams * (MaxBytes + MaxBytes / UnitBytes)];
        int slot = Find(source, destination, identification);
        ref Datagram datagram = ref _datagrams[slot];
        Span<byte> payload = _memory.AsSpan(slot * MaxBytes, MaxBytes);
        Span<byte> units = _memory.AsSpan(MaxDatagrams * MaxBytes + slot * (MaxBytes / UnitBytes), MaxBytes / UnitBytes);
        if (datagram.Received == 0) units.Clear();
        Span<byte> covered = units.Slice(offset / UnitBytes, (length + UnitBytes - 1) / UnitBytes);
        if (covered.Contains((byte)1) || (datagram.Total > 0 && (offset + length > datagram.Total || !more)))
        {
            bool duplicate = !covered.Contains((byte)0) && payload.Slice(offset, length).SequenceEqual(bytes[..length]);
            if (duplicate) return PacketVerdict.Fragment;
            datagram = default;
            return PacketVerdict.BadFragment;
        }
        covered.Fill(1);
        bytes[..length].CopyTo(payload[offset..]);
        datagram.Received += length;
        if (!more) datagram.Total = offset + length;
        if (datagram.Total == 0 || datagram.Received < datagram.Total) return PacketVerdict.Fragment;
        if (datagram.Received > datagram.Total)
        {
            datagram = default;
            return PacketVerdict.BadFragment;
        }
        whole = payload[..datagram.Total];
        datagram = default;
        return PacketVerdict.Segment;
    }

    private int Find(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, uint identification)
    {
        var key = new DatagramKey(new IpAddressBytes(source), new IpAddressBytes(destination), identification);
        for (int i = 0; i < MaxDatagrams; i++)
        {
            if (_datagrams[i].Received > 0 && _datagrams[i].Key == key) return i;
        }
        int slot = Array.FindIndex(_datagrams, static datagram => datagram.Received == 0);
        if (slot < 0)
        {
            slot = _oldest;
            _oldest = (_oldest + 1) % MaxDatagrams;
        }
        _datagrams[slot] = new Datagram { Key = key };
        return slot;
    }

    private readonly record struct DatagramKey(IpAddressBytes Source, IpAddressBytes Destination, uint Identification);

    private struct Datagram
    {
        public DatagramKey Key;
        public int Received, Total;
    }
}
