using System.Buffers.Binary;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Capture;

/// <summary>Reads pcap files of either byte order, with micro- or nanoseconds.</summary>
/// <remarks>
/// <code>
/// file:    0       4         8          16        20             24
///          | magic | version | reserved | snaplen | link type    | records
/// record:  0         4          8          12         16
///          | seconds | fraction | captured | original | bytes
/// </code>
/// The upper six bits of the link type field are flags (FCS length). The modified format of old Linux versions has eight more bytes per record.
/// </remarks>
internal sealed class PcapReader : IPacketSource
{
    private const uint Microseconds = 0xa1b2c3d4, Nanoseconds = 0xa1b23c4d, Modified = 0xa1b2cd34;
    private const int FileHeaderBytes = 24, RecordHeaderBytes = 16, ModifiedExtraBytes = 8;
    private const int FramesPerRead = 4096;

    private readonly InputBuffer _input;
    private readonly bool _littleEndian;
    private readonly int _recordHeaderBytes, _nanosecondsPerTick;
    private readonly LinkType _link;

    internal PcapReader(InputBuffer input)
    {
        _input = input;
        if (!input.TryTake(FileHeaderBytes, out ReadOnlySpan<byte> header)) throw new CaptureException($"{input.Name} ends within its file header");
        _littleEndian = !IsMagic(BinaryPrimitives.ReadUInt32BigEndian(header));
        uint magic = Word(header, 0);
        _nanosecondsPerTick = magic == Nanoseconds ? 1 : 1000;
        _recordHeaderBytes = RecordHeaderBytes + (magic == Modified ? ModifiedExtraBytes : 0);
        _link = (LinkType)(Word(header, 20) & 0x03ff_ffff);
    }

    /// <summary>A file with these first four bytes is pcap.</summary>
    public static bool Recognises(ReadOnlySpan<byte> bytes) =>
        bytes.Length == 4 && (IsMagic(BinaryPrimitives.ReadUInt32BigEndian(bytes)) || IsMagic(BinaryPrimitives.ReadUInt32LittleEndian(bytes)));

    /// <inheritdoc/>
    public bool Read<THandler>(THandler handler) where THandler : IFrameHandler
    {
        for (int i = 0; i < FramesPerRead; i++)
        {
            if (!_input.TryTake(_recordHeaderBytes, out ReadOnlySpan<byte> header))
            {
                if (_input.Peek(1).IsEmpty) return false;
                throw CutShort();
            }
            long nanoseconds = Word(header, 0) * 1_000_000_000L + Word(header, 4) * (long)_nanosecondsPerTick;
            uint captured = Word(header, 8), original = Word(header, 12);
            if (captured > InputBuffer.MaxPieceBytes) throw new CaptureException($"{_input.Name} is damaged at byte {_input.Position}: a frame of {captured} bytes");
            if (!_input.TryTake((int)captured, out ReadOnlySpan<byte> bytes)) throw CutShort();
            handler.OnFrame(new CapturedFrame(nanoseconds, _link, (int)original, bytes));
        }
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _input.Dispose();

    private static bool IsMagic(uint magic) => magic is Microseconds or Nanoseconds or Modified;

    private uint Word(ReadOnlySpan<byte> bytes, int at) => _littleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]) : BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private CaptureException CutShort() => new($"{_input.Name} was cut short within a frame at byte {_input.Position}");
}
