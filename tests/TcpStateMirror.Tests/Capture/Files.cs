using Appliance.TcpStateMirror.Capture;
using Appliance.TcpStateMirror.Packets;
using Appliance.Tests.TcpStateMirror.Packets;

namespace Appliance.Tests.TcpStateMirror.Capture;

/// <summary>Capture files that no program here writes.</summary>
public sealed class Files
{
    private static readonly byte[] Frame = Frames.Ethernet(Frames.Datagram(Frames.Client, Frames.Server, 1, 2, 3, 4, TcpFlags.Ack));

    [Fact]
    public void Every_block_of_pcapng_has_its_interface_and_its_time()
    {
        var handler = new Collector();
        Read(CaptureFiles.Pcapng([Frame, Frame, Frame, Frame]), handler);

        Assert.Equal(4, handler.Times.Count);
        Assert.Equal((395812L << 32 | 1) * 1000, handler.Times[0]); // microseconds
        Assert.Equal(1_700_000_000_500_000_000, handler.Times[1]); // 2^-20 s and an offset
        Assert.Equal(1_700_000_000_500_000_000, handler.Times[2]); // a simple block has no time: the last one
        Assert.Equal(1_700_000_001_500_000_000, handler.Times[3]);
        Assert.All(handler.Lengths, static length => Assert.Equal(Frame.Length, length));
    }

    [Fact]
    public void A_file_that_was_cut_short_is_read_to_its_last_whole_frame()
    {
        var handler = new Collector();
        var cut = Assert.Throws<CaptureException>(() => Read(CaptureFiles.Pcap([Frame, Frame, Frame])[..^1], handler));
        Assert.Equal(2, handler.Times.Count);
        Assert.Contains("cut short", cut.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_capture_is_refused()
    {
        Assert.Contains("is no capture", Assert.Throws<CaptureException>(static () => Read([1, 2, 3, 4, 5], new Collector())).Message, StringComparison.Ordinal);
        Assert.Contains("is no capture", Assert.Throws<CaptureException>(static () => Read([], new Collector())).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<CaptureException>(static () => PacketFile.Open("no such file")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a1b2c3d4", 2_000_003_000L)] // microseconds
    [InlineData("a1b23c4d", 2_000_000_003L)] // nanoseconds
    [InlineData("a1b2cd34", 2_000_003_000L)] // as old versions of Linux wrote it
    public void Pcap_of_either_byte_order_is_read(string magic, long time)
    {
        foreach (bool littleEndian in new[] { false, true })
        {
            byte[] extra = magic == "a1b2cd34" ? new byte[8] : [];
            byte[] file = [.. Words(littleEndian, magic, "00020004", "0", "0", "ffff", "65"), .. Words(littleEndian, "2", "3", "2", "9"), .. extra, 0x45, 0];
            var handler = new Collector();
            Read(file, handler);

            Assert.Equal([time], handler.Times);
            Assert.Equal([2], handler.Lengths);
        }
    }

    [Fact]
    public void Pcapng_of_big_endian_machines_and_of_clocks_of_any_resolution_is_read()
    {
        var handler = new Collector();
        Read([.. Section(false), .. Interface(""), .. Packet("0", "0", "3"),
            .. Interface("0009 0001 09000000"), .. Packet("1", "0", "3"),                       // nanoseconds
            .. Interface("0009 0001 0c000000"), .. Packet("2", "0", "7d0"),                     // picoseconds
            .. Interface("0009 0001 ff000000"), .. Packet("3", "0", "3"),                       // finer than 64 bits: microseconds
            .. Interface("000e 0008 ffffffffffffffff"), .. Packet("4", "0", "1e8480"),          // an offset of a second back
            .. Interface("000e 0009 00"), .. Packet("5", "0", "3")], handler);                  // an option that does not fit

        Assert.Equal([3000, 3, 2, 3000, 1_000_000_000, 3000], handler.Times);
    }

    [Theory]
    [InlineData("1a2b3c4e", "", "a section has no byte order")]
    [InlineData("1a2b3c4d", "00000003 00000014 00000002 45000000 00000014", "interface 0, which was not described")]
    [InlineData("1a2b3c4d", "00000006 00000020 00000000 00000000 00000000 00000000 00000000 00000020", "interface 0, which was not described")]
    [InlineData("1a2b3c4d", "00000001 00000014 00010000 00000000 00000014 00000006 00000020 00000000 00000000 00000000 00000001 00000001 00000020", "a frame of 1 bytes in a shorter block")]
    [InlineData("1a2b3c4d", "00000006 0000000c 0000000c", "a block is too short")]
    [InlineData("1a2b3c4d", "00000005 0000000b 00000000", "a block of 11 bytes")]
    [InlineData("1a2b3c4d", "00000005 00000010 00000000", "cut short within a block")]
    [InlineData("1a2b3c4d", "00000005", "cut short within a block")]
    public void Pcapng_that_is_damaged_is_told(string byteOrder, string blocks, string part)
    {
        byte[] file = Convert.FromHexString(("0a0d0d0a 0000001c" + byteOrder + "00010000 ffffffffffffffff 0000001c" + blocks).Replace(" ", "", StringComparison.Ordinal));
        Assert.Contains(part, Assert.Throws<CaptureException>(() => Read(file, new Collector())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pcap_that_is_damaged_is_told()
    {
        byte[] head = Words(false, "a1b2c3d4", "00020004", "0", "0", "ffff", "65");
        foreach ((byte[] file, string part) in new (byte[], string)[]
        {
            (head[..20], "ends within its file header"),
            ([.. head, .. Words(false, "2", "3", "1000001", "9")], "a frame of 16777217 bytes"),
            ([.. head, .. Words(false, "2", "3")], "cut short within a frame"),
        })
            Assert.Contains(part, Assert.Throws<CaptureException>(() => Read(file, new Collector())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_gzip_compressed_is_read_and_told_where_it_is_damaged()
    {
        using var memory = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(memory, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(CaptureFiles.Pcap([Frame, Frame]));
        byte[] file = memory.ToArray();
        var handler = new Collector();
        Read(file, handler);

        Assert.Equal(2, handler.Times.Count);
        file[10] ^= 0xff; // the first block's kind
        Assert.Contains("cannot be read further", Assert.Throws<CaptureException>(() => Read(file, handler)).Message, StringComparison.Ordinal);
    }

    private static byte[] Section(bool littleEndian) => Words(littleEndian, "0a0d0d0a", "1c", "1a2b3c4d", "00010000", "ffffffff", "ffffffff", "1c");

    // Big-endian, raw IP; the options as they stand, padded.
    private static byte[] Interface(string options)
    {
        byte[] bytes = Convert.FromHexString(options.Replace(" ", "", StringComparison.Ordinal));
        byte[] padded = [.. bytes, .. new byte[-bytes.Length & 3]];
        string length = $"{20 + padded.Length:x}";
        return [.. Words(false, "1", length, "00650000", "0"), .. padded, .. Words(false, length)];
    }

    private static byte[] Packet(string card, string high, string low) => Words(false, "6", "24", card, high, low, "1", "1", "45000000", "24");

    private static byte[] Words(bool littleEndian, params string[] words) =>
        [.. words.SelectMany(word => Convert.FromHexString(word.PadLeft(8, '0')) is var bytes && littleEndian ? bytes.Reverse() : bytes)];

    private static void Read(byte[] bytes, Collector handler)
    {
        using IPacketSource source = PacketFile.Open(new MemoryStream(bytes), "file");
        while (source.Read(handler))
        {
        }
    }

    private sealed class Collector : IFrameHandler
    {
        public List<long> Times { get; } = [];

        public List<int> Lengths { get; } = [];

        public void OnFrame(scoped in CapturedFrame frame)
        {
            Times.Add(frame.Nanoseconds);
            Lengths.Add(frame.Bytes.Length);
        }
    }
}
