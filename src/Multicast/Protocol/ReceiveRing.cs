using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>
/// The newest datagrams of another node's stream: sealed, as they came, to complete other receivers (P-65), and the bodies of those behind a gap (P-51).
/// </summary>
internal sealed class ReceiveRing : IDisposable
{
    private readonly DatagramRing _sealed;
    private readonly ulong[] _sequences;
    private readonly ushort[] _lengths;
    private readonly ushort[] _bodyBytes;
    private readonly DatagramFlags[] _flags;
    private readonly bool[] _wanted;
    private DatagramRing? _bodies;

    public ReceiveRing(int capacity, int slotBytes)
    {
        _sealed = new DatagramRing(capacity, slotBytes);
        _sequences = new ulong[capacity];
        _lengths = new ushort[capacity];
        _bodyBytes = new ushort[capacity];
        _flags = new DatagramFlags[capacity];
        _wanted = new bool[capacity];
    }

    public int Capacity => _sealed.Capacity;
    public int SlotBytes => _sealed.SlotBytes;
    public long MemoryBytes => _sealed.MemoryBytes + (_bodies?.MemoryBytes ?? 0);

    /// <summary>Whether the datagram is here.</summary>
    public bool Holds(ulong sequence) => _sequences[_sealed.IndexOf(sequence)] == sequence;

    /// <summary>The datagram as it came; only while <see cref="Holds"/>.</summary>
    public ReadOnlySpan<byte> Datagram(ulong sequence) => _sealed[sequence][.._lengths[_sealed.IndexOf(sequence)]];

    /// <summary>Where to open the body of a datagram behind a gap.</summary>
    public Span<byte> BodySlot(ulong sequence) => (_bodies ??= new DatagramRing(_sealed.Capacity, _sealed.SlotBytes))[sequence];

    /// <summary>The opened body that <see cref="BodySlot"/> holds.</summary>
    public ReadOnlySpan<byte> Body(ulong sequence) => BodySlot(sequence)[.._bodyBytes[_sealed.IndexOf(sequence)]];

    public DatagramFlags Flags(ulong sequence) => _flags[_sealed.IndexOf(sequence)];

    /// <summary>Somebody lacks this datagram and nobody was seen to repair it (P-66).</summary>
    public ref bool Wanted(ulong sequence) => ref _wanted[_sealed.IndexOf(sequence)];

    /// <summary>Keeps an authentic datagram.</summary>
    public void Store(ulong sequence, ReadOnlySpan<byte> datagram, DatagramFlags flags, int bodyBytes)
    {
        int index = _sealed.IndexOf(sequence);
        datagram.CopyTo(_sealed[sequence]);
        _sequences[index] = sequence;
        _lengths[index] = (ushort)datagram.Length;
        _bodyBytes[index] = (ushort)bodyBytes;
        _flags[index] = flags;
        _wanted[index] = false;
    }

    public void Dispose()
    {
        _sealed.Dispose();
        _bodies?.Dispose();
    }
}
