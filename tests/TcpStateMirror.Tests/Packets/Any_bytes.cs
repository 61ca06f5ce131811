using Appliance.TcpStateMirror.Capture;
using Appliance.TcpStateMirror.Flows;
using Appliance.TcpStateMirror.Packets;
using Appliance.Tests.Shared;

namespace Appliance.Tests.TcpStateMirror.Packets;

/// <summary>Parsers and flow table take whatever comes: no exception, no growth. The heap that is measured is the whole process's: no other test runs beside.</summary>
[CollectionDefinition(nameof(Any_bytes), DisableParallelization = true)]
[Collection(nameof(Any_bytes))]
public sealed class Any_bytes
{
    private static readonly LinkType[] Links = [.. Enum.GetValues<LinkType>(), (LinkType)9999];

    private readonly Handler _handler = new(new FlowTableOptions { Capacity = 64, MaxHandshakes = 8 }), _verifying = new(new FlowTableOptions { Capacity = 64, MaxHandshakes = 8, VerifyChecksums = true });

    private static readonly byte[][] Originals = [.. MakeOriginals()];

    [Fact]
    public void Every_prefix_of_every_frame()
    {
        foreach (byte[] frame in Originals)
        {
            for (int length = 0; length <= frame.Length; length++) Feed(frame.AsSpan(0, length));
        }
        foreach (byte[] hello in new[] { Frames.ClientHello(), Frames.ServerHello(true), Frames.ServerHello(false), Frames.NewSessionTicket() })
        {
            ReadOnlySpan<byte> body = hello.AsSpan(9);
            for (int length = 0; length <= body.Length; length++)
            {
                Touch(body[..length]);
                bool whole = length == body.Length;
                if (hello[5] == 1) Assert.Equal(whole, ClientHelloView.TryParse(body[..length], out _) && length != PrefixWithoutExtensions(body));
            }
        }
    }

    [Fact]
    public void Mutated_frames_and_hellos()
    {
        int mutations = TestCounts.Of("capture.mutations");
        var random = new Random(515);
        byte[] buffer = new byte[4096];
        long heap = 0;
        for (int i = 0; i < mutations; i++)
        {
            if (i == mutations / 2) heap = GC.GetTotalMemory(forceFullCollection: true);
            Span<byte> mutated = Mutate(Originals[random.Next(Originals.Length)], buffer, random);
            Feed(mutated);
            if (mutated.Length > 63) Touch(mutated[63..]);
        }
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - heap < 4 << 20, "memory grew");
        Assert.True(_handler.Table.Count <= 64);
        Assert.True(_handler.Table.Counters[PacketVerdict.Segment] > mutations / 10 && _verifying.Table.Counters[PacketVerdict.BadTcpChecksum] > mutations / 100, "the mutations hardly reach the parsers");
        TestCounts.Reached("capture.mutations", mutations);
    }

    [Fact]
    public void Mutated_files_end_with_a_sentence_at_worst()
    {
        int mutations = TestCounts.Of("capture.mutations") / 10;
        var random = new Random(516);
        byte[] buffer = new byte[8192];
        byte[][] files = [CaptureFiles.Pcap(Originals), CaptureFiles.Pcapng(Originals)];
        for (int i = 0; i < mutations; i++)
        {
            using var stream = new MemoryStream(Mutate(files[i % 2].AsSpan(0, Math.Min(files[i % 2].Length, 4000)), buffer, random).ToArray());
            try
            {
                using IPacketSource source = PacketFile.Open(stream, "mutated");
                while (source.Read(_handler))
                {
                }
            }
            catch (CaptureException sentence)
            {
                Assert.StartsWith("mutated ", sentence.Message, StringComparison.Ordinal);
            }
        }
        TestCounts.Reached("capture.mutations of files", mutations);
    }

    [Fact]
    public void The_longest_frame_of_a_file_with_tags_alone()
    {
        byte[] tags = new byte[16 << 20];
        for (int i = 0; i < tags.Length; i += 2) tags[i] = 0x81;
        foreach (LinkType link in new[] { LinkType.Ethernet, LinkType.LinuxCooked, LinkType.LinuxCooked2 }) Assert.Equal(PacketVerdict.TruncatedLink, LinkLayer.Strip(link, tags, out _));
    }

    [Fact]
    public void A_packet_in_steady_state_allocates_nothing()
    {
        byte[][] frames = [.. Originals.Where(static frame => frame.Length < 90)];
        for (int i = 0; i < 2000; i++) FeedEthernet(frames[i % frames.Length]);
        Assert.Equal(0, Allocated.Least(() =>
        {
            for (int i = 0; i < 20_000; i++) FeedEthernet(frames[i % frames.Length]);
        }));
    }

    private static int PrefixWithoutExtensions(ReadOnlySpan<byte> body) => 34 + 1 + body[34] + 2 + 2 + 2; // TLS 1.2 without an extension block

    private void FeedEthernet(byte[] frame) => _handler.Table.OnFrame(new CapturedFrame(1_000_000_000, LinkType.Ethernet, frame.Length, frame));

    private void Feed(ReadOnlySpan<byte> bytes)
    {
        foreach (LinkType link in Links)
        {
            var frame = new CapturedFrame(1_000_000_000, link, bytes.Length, bytes);
            _handler.OnFrame(in frame);
            if (link is LinkType.Ethernet or LinkType.Raw) _verifying.OnFrame(in frame);
        }
        if (bytes.Length > 14) CaptureFilter.Everything.Matches(bytes[14..]);
    }

    private static void Touch(ReadOnlySpan<byte> bytes)
    {
        if (ClientHelloView.TryParse(bytes, out ClientHelloView client)) _ = client.NewestVersion + client.ServerName.Length + client.ApplicationProtocols.Length + client.PskIdentity.Length + client.SessionTicket.Length + client.SessionId.Length;
        if (ServerHelloView.TryParse(bytes, out ServerHelloView server)) _ = server.Version + server.ApplicationProtocol.Length + server.CipherSuite + server.SessionId.Length + (server.AcceptsPsk || server.IsRetryRequest ? 1 : 0);
        if (NewSessionTicketView.TryParse(bytes, out NewSessionTicketView ticket)) _ = ticket.Ticket.Length;
    }

    private static Span<byte> Mutate(ReadOnlySpan<byte> original, byte[] buffer, Random random)
    {
        original.CopyTo(buffer);
        int length = original.Length;
        for (int changes = random.Next(1, 5); changes > 0; changes--)
        {
            int at = random.Next(length);
            switch (random.Next(5))
            {
                case 0: buffer[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: buffer[at] = (byte)random.Next(256); break;
                case 2: buffer[at] = random.Next(2) == 0 ? (byte)0 : (byte)255; break;
                case 3: length = Math.Max(1, at); break;
                default:
                    int count = Math.Min(random.Next(1, 9), length - at);
                    buffer.AsSpan(at, length - at).CopyTo(buffer.AsSpan(at + count));
                    length += count;
                    break;
            }
        }
        return buffer.AsSpan(0, length);
    }

    private static IEnumerable<byte[]> MakeOriginals()
    {
        foreach (bool sixth in new[] { false, true })
        {
            var (client, server) = sixth ? (Frames.Client6, Frames.Server6) : (Frames.Client, Frames.Server);
            yield return Frames.Ethernet(Frames.Datagram(client, server, 40000, 443, 1000, 0, TcpFlags.Syn, options: [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]));
            yield return Frames.Ethernet(Frames.Datagram(server, client, 443, 40000, 5000, 1001, TcpFlags.Syn | TcpFlags.Ack, options: [2, 4, 5, 0xb4]));
            yield return Frames.Ethernet(Frames.Datagram(client, server, 40000, 443, 1001, 5001, TcpFlags.Ack, options: [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0]));
            yield return Frames.Ethernet(Frames.Datagram(client, server, 40000, 443, 1001, 5001, TcpFlags.Ack | TcpFlags.Psh, Frames.ClientHello()));
            yield return Frames.Ethernet(Frames.Datagram(server, client, 443, 40000, 5001, 1001, TcpFlags.Ack, [.. Frames.ServerHello(sixth), .. Frames.NewSessionTicket()]));
            yield return Frames.Ethernet(Frames.Datagram(server, client, 443, 40000, 5001, 1001, TcpFlags.Ack, options: [1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 20, 0, 0, 0, 29]));
        }
        byte[] tcp = Frames.Datagram(Frames.Client, Frames.Server, 40000, 443, 7, 7, TcpFlags.Ack, new byte[44])[20..];
        yield return Frames.Ethernet(Frames.IPv4(Frames.Client, Frames.Server, tcp.AsSpan(0, 40), fragmentField: 0x2000));
        yield return Frames.Ethernet(Frames.IPv4(Frames.Client, Frames.Server, tcp.AsSpan(40), fragmentField: 5));
        yield return Frames.Ethernet(Frames.IPv4(Frames.Client, Frames.Server, tcp, options: [7, 7, 4, 0, 0, 0, 0, 0]));
        yield return Frames.Ethernet(Frames.IPv6(Frames.Client6, Frames.Server6, 0, [60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 9, .. tcp]));
    }

    private sealed class Handler(FlowTableOptions options) : IFrameHandler
    {
        public FlowTable<Sink> Table { get; } = new(options, default);

        public void OnFrame(scoped in CapturedFrame frame) => Table.OnFrame(in frame);
    }

    private readonly struct Sink : IFlowSink
    {
        public void OnEnded(Flow flow, FlowEnd end)
        {
        }
    }
}
