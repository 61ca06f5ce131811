using System.Buffers.Binary;

namespace Appliance.Multicast.Wire;

/// <summary>Validation of the body of DATA; the layout stands at <see cref="MessageRun"/>. Rules P-20 to P-23.</summary>
internal static class MessageFrames
{
    private const uint ContinuesBit = 0x8000_0000;

    /// <summary>Checks that the bytes are whole frames and end at the end of a batch, and counts them.</summary>
    public static bool TryCount(ReadOnlySpan<byte> frames, out int messages)
    {
        messages = 0;
        bool continues = false;
        while (frames.Length >= MessageRun.FrameHeaderBytes)
        {
            uint header = BinaryPrimitives.ReadUInt32BigEndian(frames);
            uint length = header & ~ContinuesBit;
            continues = (header & ContinuesBit) != 0;
            if (length > (uint)(frames.Length - MessageRun.FrameHeaderBytes)) return false;
            frames = frames[(MessageRun.FrameHeaderBytes + (int)length)..];
            messages++;
        }
        return frames.IsEmpty && !continues && messages > 0;
    }
}
