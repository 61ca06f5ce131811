using System.Buffers.Binary;

namespace Appliance.Multicast;

/// <summary>Whole batches of messages as they stand in a datagram (or as reassembled from several). Validated before it is handed out: reading cannot fail.</summary>
/// <remarks>
/// Each message is a frame: <c>u32 big-endian: bit 31 = the batch continues with the next frame, bits 0..30 = length</c>, then the bytes.
/// Rule numbers in docs/protocol.md, chapter "Messages".
/// </remarks>
public readonly ref struct MessageRun
{
    /// <summary>Bytes of a frame's header.</summary>
    public const int FrameHeaderBytes = 4;

    private const uint ContinuesBit = 0x8000_0000;
    private readonly ReadOnlySpan<byte> _frames;

    internal MessageRun(ReadOnlySpan<byte> frames) => _frames = frames;

    /// <summary>The messages in order.</summary>
    public Enumerator GetEnumerator() => new(_frames);

    /// <summary>Writes a frame header.</summary>
    internal static void WriteHeader(Span<byte> destination, int length, bool batchContinues) =>
        BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)length | (batchContinues ? ContinuesBit : 0));

    /// <summary>Checks that the bytes are whole frames and end at the end of a batch.</summary>
    internal static bool IsWellFormed(ReadOnlySpan<byte> frames)
    {
        bool continues = false;
        while (frames.Length >= FrameHeaderBytes)
        {
            uint header = BinaryPrimitives.ReadUInt32BigEndian(frames);
            uint length = header & ~ContinuesBit;
            continues = (header & ContinuesBit) != 0;
            if (length > (uint)(frames.Length - FrameHeaderBytes)) return false;
            frames = frames[(FrameHeaderBytes + (int)length)..];
        }
        return frames.IsEmpty && !continues;
    }

    /// <summary>Walks the frames of a run.</summary>
    public ref struct Enumerator
    {
        private ReadOnlySpan<byte> _rest;

        internal Enumerator(ReadOnlySpan<byte> frames)
        {
            _rest = frames;
            Current = default;
            EndsBatch = true;
        }

        /// <summary>The current message's bytes.</summary>
        public ReadOnlySpan<byte> Current { get; private set; }

        /// <summary>The current message is the last of its batch.</summary>
        public bool EndsBatch { get; private set; }

        /// <summary>Goes to the next message.</summary>
        public bool MoveNext()
        {
            if (_rest.IsEmpty) return false;
            uint header = BinaryPrimitives.ReadUInt32BigEndian(_rest);
            int length = (int)(header & ~ContinuesBit);
            Current = _rest.Slice(FrameHeaderBytes, length);
            EndsBatch = (header & ContinuesBit) == 0;
            _rest = _rest[(FrameHeaderBytes + length)..];
            return true;
        }
    }
}
