using System.Buffers.Binary;

namespace Appliance.Tests.TcpStateMirror.Packets;

/// <summary>Small capture files in memory.</summary>
internal static class CaptureFiles
{
    /// <summary>pcap of Ethernet frames, one microsecond apart.</summary>
    internal static byte[] Pcap(IEnumerable<byte[]> frames)
    {
        var file = new List<byte>();
        Words(file, 0xa1b2c3d4, 0x0004_0002, 0, 0, 65535, 1);
        uint time = 0;
        foreach (byte[] frame in frames)
        {
            Words(file, 1_700_000_000, time++, (uint)frame.Length, (uint)frame.Length);
            file.AddRange(frame);
        }
        return [.. file];
    }

    /// <summary>pcapng with two interfaces, of which the second counts 2^-20 seconds from an offset, and every kind of packet block.</summary>
    internal static byte[] Pcapng(IEnumerable<byte[]> frames)
    {
        var file = new List<byte>();
        Block(file, 0x0a0d0d0a, [.. Word(0x1a2b3c4d), 1, 0, 0, 0, .. Word(uint.MaxValue), .. Word(uint.MaxValue)]);
        Block(file, 1, [1, 0, 0, 0, .. Word(0)]);
        Block(file, 1, [1, 0, 0, 0, .. Word(0), 9, 0, 1, 0, 0x94, 0, 0, 0, 14, 0, 8, 0, .. Word(1_700_000_000), .. Word(0), 0, 0, 0, 0]);
        int number = 0;
        foreach (byte[] frame in frames)
        {
            uint length = (uint)frame.Length;
            byte[] padded = [.. frame, .. new byte[-frame.Length & 3]];
            switch (number++ % 4)
            {
                case 0: Block(file, 6, [.. Word(0), .. Word(395812), .. Word(1), .. Word(length), .. Word(length), .. padded]); break;
                case 1: Block(file, 6, [.. Word(1), .. Word(0), .. Word(1 << 19), .. Word(length), .. Word(length), .. padded]); break;
                case 2: Block(file, 3, [.. Word(length), .. padded]); break;
                default: Block(file, 2, [1, 0, 0, 0, .. Word(0), .. Word(3 << 19), .. Word(length), .. Word(length), .. padded]); break;
            }
            Block(file, 5, Word(0)); // statistics: skipped
        }
        return [.. file];
    }

    private static void Block(List<byte> file, uint type, byte[] body)
    {
        uint length = (uint)body.Length + 12;
        Words(file, type, length);
        file.AddRange(body);
        Words(file, length);
    }

    private static void Words(List<byte> file, params uint[] words)
    {
        foreach (uint word in words) file.AddRange(Word(word));
    }

    private static byte[] Word(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }
}
