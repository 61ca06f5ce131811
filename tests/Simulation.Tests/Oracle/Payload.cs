using System.Buffers.Binary;
using Appliance.Tests.Simulation.Kernel;

namespace Appliance.Tests.Simulation.Oracle;

/// <summary>Contents of messages: a function of stream and index, so that a receiver's copy is checked without keeping the sender's.</summary>
internal static class Payload
{
    private const int HeaderBytes = 8;
    private const int BlockBytes = 1 << 17;
    private static readonly byte[] Block = MakeBlock();

    /// <summary>Largest message that can be made.</summary>
    internal const int MaxBytes = BlockBytes / 2;

    /// <summary>Writes a message.</summary>
    internal static void Write(int stream, int index, Span<byte> destination)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        WriteHeader(stream, index, header);
        int head = Math.Min(HeaderBytes, destination.Length);
        header[..head].CopyTo(destination);
        Body(stream, index, destination.Length - head).CopyTo(destination[head..]);
    }

    /// <summary>Whether bytes are the message that <see cref="Write"/> makes.</summary>
    internal static bool Matches(int stream, int index, ReadOnlySpan<byte> message)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        WriteHeader(stream, index, header);
        int head = Math.Min(HeaderBytes, message.Length);
        return message[..head].SequenceEqual(header[..head]) && message[head..].SequenceEqual(Body(stream, index, message.Length - head));
    }

    /// <summary>What a message says about itself, for the report of a violation.</summary>
    internal static string Describe(ReadOnlySpan<byte> message) =>
        message.Length < HeaderBytes
            ? $"{message.Length} B"
            : $"{message.Length} B, stream {BinaryPrimitives.ReadInt32BigEndian(message)} message {BinaryPrimitives.ReadInt32BigEndian(message[4..])}";

    private static void WriteHeader(int stream, int index, Span<byte> header)
    {
        BinaryPrimitives.WriteInt32BigEndian(header, stream);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], index);
    }

    private static ReadOnlySpan<byte> Body(int stream, int index, int length) =>
        Block.AsSpan((int)((uint)(stream * 31 + index * 97) % (BlockBytes - MaxBytes)), length);

    private static byte[] MakeBlock()
    {
        byte[] block = new byte[BlockBytes];
        new SimulationRandom(0xB10C).Fill(block);
        return block;
    }
}
