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
