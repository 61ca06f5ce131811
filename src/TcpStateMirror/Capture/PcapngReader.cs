using System.Buffers.Binary;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Capture;

/// <summary>Reads pcapng files: sections of either byte order, interfaces, enhanced, simple and obsolete packet blocks; other blocks are skipped.</summary>
/// <remarks>
/// <code>
/// block:      0      4        8        length - 4
///             | type | length | body   | length again
/// section:    8: byte order magic, version, section length, options
/// interface:  8: link type u16, reserved, snaplen, options
/// enhanced:   8: interface, timestamp high, timestamp low, captured, original, bytes padded to 4, options
/// simple:     8: original, bytes padded to 4 (of the section's first interface, without a time)
/// obsolete:   8: interface u16, drops u16, timestamp high, timestamp low, captured, original, bytes
/// </code>
/// </remarks>
internal sealed class PcapngReader : IPacketSource
{
    private const uint SectionHeader = 0x0a0d0d0a, ByteOrderMagic = 0x1a2b3c4d, InterfaceDescription = 1, ObsoletePacket = 2, SimplePacket = 3, EnhancedPacket = 6;
    private const int MinBlockBytes = 12, FramesPerRead = 4096, MaxInterfaces = 65536;

    private readonly InputBuffer _input;
    private readonly List<PcapngInterface> _interfaces = [];
    private bool _littleEndian;
    private long _lastTime;

    internal PcapngReader(InputBuffer input) => _input = input;

    /// <summary>A file with these first four bytes is pcapng.</summary>
    public static bool Recognises(ReadOnlySpan<byte> bytes) => bytes.Length == 4 && BinaryPrimitives.ReadUInt32BigEndian(bytes) == SectionHeader;

    /// <inheritdoc/>
    public bool Read<THandler>(THandler handler) where THandler : IFrameHandler
    {
        for (int i = 0; i < FramesPerRead; i++)
        {
            ReadOnlySpan<byte> head = _input.Peek(MinBlockBytes);
            if (head.IsEmpty) return false;
            if (head.Length < MinBlockBytes) throw CutShort();
            if (BinaryPrimitives.ReadUInt32BigEndian(head) == SectionHeader) BeginSection(head);
            uint type = Word(head, 0), length = Word(head, 4);
            if (length < MinBlockBytes || length % 4 != 0 || length > InputBuffer.MaxPieceBytes) throw new CaptureException($"{_input.Name} is damaged at byte {_input.Position}: a block of {length} bytes");
            if (!_input.TryTake((int)length, out ReadOnlySpan<byte> block)) throw CutShort();
            ReadOnlySpan<byte> body = block[8..^4];
            switch (type)
            {
                case InterfaceDescription when body.Length >= 8 && _interfaces.Count < MaxInterfaces: _interfaces.Add(PcapngInterface.Parse(body, _littleEndian)); break;
                case EnhancedPacket when body.Length >= 20: Packet(handler, Word(body, 0), Word(body, 4), Word(body, 8), Word(body, 12), Word(body, 16), body[20..]); break;
                case ObsoletePacket when body.Length >= 20: Packet(handler, Half(body, 0), Word(body, 4), Word(body, 8), Word(body, 12), Word(body, 16), body[20..]); break;
                case SimplePacket when body.Length >= 4: Simple(handler, Word(body, 0), body[4..]); break;
                case InterfaceDescription or EnhancedPacket or ObsoletePacket or SimplePacket: throw Damaged("a block is too short");
            }
        }
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _input.Dispose();

    private void BeginSection(ReadOnlySpan<byte> head)
    {
        _littleEndian = BinaryPrimitives.ReadUInt32LittleEndian(head[8..]) == ByteOrderMagic;
        if (!_littleEndian && BinaryPrimitives.ReadUInt32BigEndian(head[8..]) != ByteOrderMagic) throw Damaged("a section has no byte order");
        _interfaces.Clear();
    }

    private void Packet<THandler>(THandler handler, uint index, uint high, uint low, uint captured, uint original, ReadOnlySpan<byte> bytes) where THandler : IFrameHandler
    {
        if (index >= (uint)_interfaces.Count) throw Damaged($"a frame of interface {index}, which was not described");
        if (captured > (uint)bytes.Length) throw Damaged($"a frame of {captured} bytes in a shorter block");
        PcapngInterface from = _interfaces[(int)index];
        _lastTime = from.ToNanoseconds((ulong)high << 32 | low);
        handler.OnFrame(new CapturedFrame(_lastTime, from.Link, (int)original, bytes[..(int)captured]));
    }

    private void Simple<THandler>(THandler handler, uint original, ReadOnlySpan<byte> bytes) where THandler : IFrameHandler
    {
        if (_interfaces.Count == 0) throw Damaged("a frame of interface 0, which was not described");
        PcapngInterface from = _interfaces[0];
        int captured = (int)Math.Min((uint)bytes.Length, Math.Min(original, from.SnapLength == 0 ? uint.MaxValue : from.SnapLength));
        handler.OnFrame(new CapturedFrame(_lastTime, from.Link, (int)original, bytes[..captured]));
    }

    private uint Word(ReadOnlySpan<byte> bytes, int at) => _littleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]) : BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private uint Half(ReadOnlySpan<byte> bytes, int at) => _littleEndian ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]) : BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);

    private CaptureException Damaged(string what) => new($"{_input.Name} is damaged at byte {_input.Position}: {what}");

    private CaptureException CutShort() => new($"{_input.Name} was cut short within a block at byte {_input.Position}");
}
