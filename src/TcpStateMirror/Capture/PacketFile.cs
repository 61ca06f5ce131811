using System.IO.Compression;

namespace Appliance.TcpStateMirror.Capture;

/// <summary>Opens capture files: pcap and pcapng, plain or compressed by gzip, told apart by their first bytes.</summary>
public static class PacketFile
{
    /// <summary>Opens a file.</summary>
    /// <param name="path">Path, or <c>-</c> for the standard input.</param>
    /// <exception cref="CaptureException">It cannot be read, or is no capture.</exception>
    public static IPacketSource Open(string path)
    {
        try
        {
            return Open(path == "-" ? Console.OpenStandardInput() : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0), path == "-" ? "standard input" : path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CaptureException($"{path} cannot be read: {error.Message}");
        }
    }

    /// <summary>Reads a stream, which the source then owns.</summary>
    /// <param name="stream">A capture.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="CaptureException">It is no capture.</exception>
    public static IPacketSource Open(Stream stream, string name)
    {
        var input = new InputBuffer(stream, name);
        ReadOnlySpan<byte> magic = input.Peek(4);
        if (magic.Length >= 2 && magic[0] == 0x1f && magic[1] == 0x8b)
        {
            input = new InputBuffer(new GZipStream(input.AsStream(), CompressionMode.Decompress), name);
            magic = input.Peek(4);
        }
        if (PcapngReader.Recognises(magic)) return new PcapngReader(input);
        if (PcapReader.Recognises(magic)) return new PcapReader(input);
        input.Dispose();
        throw new CaptureException($"{name} is no capture: it begins neither like pcap nor like pcapng");
    }
}
