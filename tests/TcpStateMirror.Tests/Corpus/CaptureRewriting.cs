using System.Buffers.Binary;
using System.IO.Compression;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>Writes a little-endian pcap file anew in forms that no program here writes.</summary>
internal static class CaptureRewriting
{
    private const int FileHeaderBytes = 24, RecordHeaderBytes = 16, AddressesBytes = 12;

    /// <summary>Compressed by gzip.</summary>
    internal static string Compressed(string file)
    {
        string compressed = file + ".gz";
        using var target = new GZipStream(File.Create(compressed), CompressionLevel.Fastest);
        using FileStream source = File.OpenRead(file);
        source.CopyTo(target);
        return compressed;
    }

    /// <summary>As a host of the other byte order would have written it.</summary>
    internal static string OtherByteOrder(string file)
    {
        byte[] header = File.ReadAllBytes(file)[..FileHeaderBytes];
        Swap(header, 0, 4);
        Swap(header, 4, 2);
        Swap(header, 6, 2);
        for (int at = 8; at < FileHeaderBytes; at += 4) Swap(header, at, 4);
        return Write(file, ".swapped", header, static (record, frame) =>
        {
            for (int at = 0; at < RecordHeaderBytes; at += 4) Swap(record, at, 4);
            return frame;
        });
    }

    /// <summary>With VLAN tags in every Ethernet frame.</summary>
    internal static string Tagged(string file, params ushort[] tags)
    {
        byte[] header = File.ReadAllBytes(file)[..FileHeaderBytes];
        return Write(file, $".tagged{tags.Length}", header, (record, frame) =>
        {
            var tagged = new List<byte>(frame[..AddressesBytes]);
            foreach (ushort tag in tags) tagged.AddRange([(byte)(tag >> 8), (byte)tag, 0, 42]);
            tagged.AddRange(frame[AddressesBytes..]);
            foreach (int at in new[] { 8, 12 }) BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(at), BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(at)) + 4 * tags.Length);
            return [.. tagged];
        });
    }

    /// <summary>The frames of a file.</summary>
    internal static IEnumerable<(byte[] Record, byte[] Frame)> Records(string file)
    {
        byte[] bytes = File.ReadAllBytes(file);
        for (int at = FileHeaderBytes; at < bytes.Length;)
        {
            int captured = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 8));
            yield return (bytes[at..(at + RecordHeaderBytes)], bytes[(at + RecordHeaderBytes)..(at + RecordHeaderBytes + captured)]);
            at += RecordHeaderBytes + captured;
        }
    }

    private static string Write(string file, string suffix, byte[] header, Func<byte[], byte[], byte[]> change)
    {
        using FileStream target = File.Create(file + suffix);
        target.Write(header);
        foreach ((byte[] record, byte[] frame) in Records(file))
        {
            byte[] changed = change(record, frame);
            target.Write(record);
            target.Write(changed);
        }
        return file + suffix;
    }

    private static void Swap(byte[] bytes, int at, int count) => bytes.AsSpan(at, count).Reverse();
}
