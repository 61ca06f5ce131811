using System.Net;
using System.Net.Sockets;
using Appliance.TcpStateMirror.Capture;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>Every capture that real programs make here is read as tshark reads it, field by field (A5, A8).</summary>
public sealed class Offline_truth(CorpusFixture corpus) : IClassFixture<CorpusFixture>
{
    private static string Url(string host, string path) => $"http://{host}:{CorpusFixture.Web}/{path}";

    private static string Bracketed6 => $"[{CorpusNetwork.ServerAddress6}]";

    [RootFact]
    public void Plain_transfers_over_both_families()
    {
        string file = corpus.Capture("plain", () =>
        {
            foreach (string host in new[] { CorpusNetwork.ServerAddress, Bracketed6 })
            {
                Assert.Equal(0, corpus.Curl(Url(host, "small.txt")));
                Assert.Equal(0, corpus.Curl(Url(host, "large.bin")));
                Assert.Equal(0, corpus.Curl("--data-binary", $"@{corpus.File("large.bin")}", Url(host, "upload.php")));
            }
        });
        Assert.True(Comparison.AssertAgree(file) > 250);
    }

    [RootFact]
    public void New_and_resumed_sessions_of_TLS_1_2_and_1_3()
    {
        string session = corpus.File("session.pem");
        string file = corpus.Capture("tls", () =>
        {
            foreach (string host in new[] { CorpusNetwork.ServerAddress, Bracketed6 })
            {
                foreach ((int port, string version) in new[] { (CorpusFixture.Tls, "-tls1_3"), (CorpusFixture.Tls, "-tls1_2"), (CorpusFixture.TlsIds, "-tls1_2") })
                {
                    corpus.Client(host, port, version, "-servername", "shop.example", "-sess_out", session);
                    corpus.Client(host, port, version, "-servername", "shop.example", "-sess_in", session);
                    corpus.Client(host, port, version, "-servername", "other.example", "-alpn", "spdy/1,http/1.1");
                }
                corpus.Client(host, CorpusFixture.TlsRetry, "-tls1_3");
                corpus.Client(host, CorpusFixture.Tls12Only, "-tls1_3"); // refused by an alert
                corpus.Client(host, CorpusFixture.Tls12Only);
            }
            Assert.Equal(0, corpus.Curl($"https://{CorpusNetwork.ServerAddress}:{CorpusFixture.Tls}/"));
            Assert.Equal(0, corpus.Curl("--tls-max", "1.2", "--resolve", $"shop.example:{CorpusFixture.Tls}:{CorpusNetwork.ServerAddress}", $"https://shop.example:{CorpusFixture.Tls}/"));
        });

        Assert.True(Comparison.AssertAgree(file) > 900);
        OurAnalysis ours = OurAnalysis.Of(file);
        Assert.Equal(6, ours.Connections.Count(static line => line.GetProperty("tls").GetProperty("resumed").ValueKind == System.Text.Json.JsonValueKind.True));
        Assert.Equal(2, ours.Connections.Count(static line => line.GetProperty("tls").GetProperty("helloRetried").GetBoolean()));
        Assert.Contains(ours.Connections, static line => line.GetProperty("tls").GetProperty("ticketIssued").ValueKind == System.Text.Json.JsonValueKind.String);
    }

    [RootFact]
    public void Hellos_over_several_segments()
    {
        string protocols = string.Join(',', Enumerable.Range(0, 60).Select(static i => $"protocol-number-{i:d3}"));
        string file = corpus.Capture("long-hellos", () =>
        {
            Shell.Run("ip", "-n", corpus.Network.Client, "link", "set", "dev", "wire", "mtu", "1280");
            Shell.Run("ip", "-n", corpus.Network.Client, "route", "change", "10.9.0.0/24", "dev", "wire", "advmss", "200");
            Shell.Run("ip", "-n", corpus.Network.Server, "route", "change", "10.9.0.0/24", "dev", "wire", "advmss", "150");
            foreach (string host in new[] { CorpusNetwork.ServerAddress, Bracketed6 })
            {
                corpus.Client(host, CorpusFixture.Tls, "-tls1_3", "-alpn", protocols + ",http/1.1", "-servername", $"{new string('a', 60)}.example");
                corpus.Client(host, CorpusFixture.Tls12Only, "-tls1_2", "-alpn", protocols + ",h2");
            }
        });
        Assert.True(Comparison.AssertAgree(file) > 150);
        Assert.Equal(4, OurAnalysis.Of(file).Connections.Count(static line => line.GetProperty("tls").GetProperty("serverSessionId").ValueKind == System.Text.Json.JsonValueKind.String));
    }

    [RootFact]
    public void Loss_lateness_and_doubled_frames()
    {
        string file = corpus.Capture("impaired", () =>
        {
            corpus.Network.Impairment.Set(lost: 15, late: 40, doubled: 10);
            foreach (string host in new[] { CorpusNetwork.ServerAddress, Bracketed6 })
            {
                Assert.Equal(0, corpus.Curl(Url(host, "large.bin")));
                Assert.Equal(0, corpus.Curl("--data-binary", $"@{corpus.File("large.bin")}", Url(host, "upload.php")));
            }
            corpus.Network.Impairment.Set(lost: 40, late: 150, doubled: 30);
            foreach (string version in new[] { "-tls1_2", "-tls1_3", "-tls1_2", "-tls1_3" }) corpus.Client(CorpusNetwork.ServerAddress, CorpusFixture.Tls, version);
        });
        Impairment impairment = corpus.Network.Impairment;
        Assert.True(impairment.Lost > 20 && impairment.Late > 30 && impairment.Doubled > 10, $"{impairment.Lost} lost, {impairment.Late} late, {impairment.Doubled} doubled");

        Comparison.AssertAgree(file);

        OurAnalysis ours = OurAnalysis.Of(file);
        Assert.Contains(ours.Connections, static line => line.GetProperty("client").GetProperty("retransmissions").GetInt64() > 0);
        Assert.Contains(ours.Connections, static line => line.GetProperty("server").GetProperty("outOfOrder").GetInt64() > 0);
    }

    [RootFact]
    public void Refused_aborted_half_closed_reused_and_still_open()
    {
        var left = new List<IDisposable>();
        string file = corpus.Capture("endings", () =>
        {
            Assert.NotEqual(0, corpus.Curl($"http://{CorpusNetwork.ServerAddress}:81/")); // nobody listens
            Assert.NotEqual(0, corpus.Curl("--limit-rate", "40k", "--max-time", "1", Url(CorpusNetwork.ServerAddress, "large.bin"))); // window closes, then a reset
            // The server ends these first, as the client waits for it: a client that did would keep the port in TIME-WAIT. No connection gets the port by chance.
            for (int i = 0; i < 2; i++) Assert.Equal(0, corpus.Curl("--local-port", "30000", "--ignore-content-length", Url(CorpusNetwork.ServerAddress, "small.txt")));
            NetworkNamespace.Run(corpus.Network.Client, () =>
            {
                var open = new TcpClient(CorpusNetwork.ServerAddress, CorpusFixture.Web);
                open.GetStream().Write("GET /small"u8);
                left.Add(open);
                using var aborted = new TcpClient(CorpusNetwork.ServerAddress, CorpusFixture.TlsIds) { LingerState = new LingerOption(true, 0) };
                aborted.GetStream().Write("no TLS"u8);
                return 0;
            });
            using var listener = NetworkNamespace.Run(corpus.Network.Server, static () =>
            {
                var socket = new TcpListener(IPAddress.Any, 7000);
                socket.Start();
                return socket;
            });
            left.Add(NetworkNamespace.Run(corpus.Network.Client, static () =>
            {
                var cut = new TcpClient(CorpusNetwork.ServerAddress, 7000);
                cut.GetStream().Write([22, 3, 1]); // the beginning of a record that never ends
                return cut;
            }));
            left.Add(listener.AcceptTcpClient());
            TcpClient client = NetworkNamespace.Run(corpus.Network.Client, static () => new TcpClient(CorpusNetwork.ServerAddress, 7000));
            TcpClient server = listener.AcceptTcpClient();
            left.AddRange([client, server]);
            client.Client.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, server.Client.Receive(new byte[1]));
            server.Client.Send("still sending"u8);
            Assert.True(client.Client.Receive(new byte[13]) > 0);
        });
        left.ForEach(static socket => socket.Dispose());

        Comparison.AssertAgree(file);
        string[] states = [.. OurAnalysis.Of(file).Connections.Select(static line => line.GetProperty("state").GetString()!)];
        Assert.Contains("FIN-WAIT-2", states);
        Assert.Contains("ESTABLISHED", states);
        Assert.Contains("TIME-WAIT", states);
    }

    [RootFact]
    public void Every_format_tells_the_same()
    {
        void Happening()
        {
            Assert.Equal(0, corpus.Curl(Url(CorpusNetwork.ServerAddress, "small.txt")));
            corpus.Client(Bracketed6, CorpusFixture.Tls, "-tls1_2", "-servername", "shop.example");
        }

        string plain = corpus.Capture("format", Happening);
        string[] files =
        [
            corpus.Capture("cooked2", Happening, "-i", "any"),
            corpus.Capture("cooked", Happening, "-i", "any", "-y", "LINUX_SLL"),
            corpus.Capture("nanoseconds", Happening, "-i", "wire", "--time-stamp-precision", "nano"),
            corpus.Capture("short-frames", Happening, "-i", "wire", "-s", "120"),
            Converted(plain, "pcapng"), Converted(plain, "nsecpcap"), Converted(plain, "modpcap"),
            CaptureRewriting.Compressed(plain), CaptureRewriting.OtherByteOrder(plain), CaptureRewriting.Tagged(plain, 0x8100), CaptureRewriting.Tagged(plain, 0x88a8, 0x8100),
        ];
        foreach (string file in files) Assert.True(Comparison.AssertAgree(file) > 60);
    }

    [RootFact]
    public void An_interface_tells_what_its_file_tells()
    {
        using PacketRing ring = NetworkNamespace.Run(corpus.Network.Client, static () => PacketRing.Open("wire", CaptureFilter.Compile("net 10.9.0.0/24 or net fd09::/64"), megabytes: 16));
        using PacketRing filtered = NetworkNamespace.Run(corpus.Network.Client, static () => PacketRing.Open("any", CaptureFilter.Compile($"tcp port {CorpusFixture.Tls} and ip6"), megabytes: 2));
        Task<OurAnalysis> live = Task.Factory.StartNew(() => OurAnalysis.Of(ring), TaskCreationOptions.LongRunning), part = Task.Factory.StartNew(() => OurAnalysis.Of(filtered), TaskCreationOptions.LongRunning);
        string file = corpus.Capture("live", () =>
        {
            foreach (string host in new[] { CorpusNetwork.ServerAddress, Bracketed6 })
            {
                Assert.Equal(0, corpus.Curl(Url(host, "large.bin")));
                Assert.Equal(0, corpus.Curl($"https://{host}:{CorpusFixture.Tls}/"));
            }
        });
        ring.Stop();
        filtered.Stop();

        Assert.True(Comparison.AssertAgree(file, live.Result) > 150);
        Assert.Equal(0, ring.Drops);
        Assert.Single(part.Result.Connections);
    }

    private string Converted(string file, string format)
    {
        string converted = corpus.File($"converted.{format}");
        Shell.Run("editcap", "-F", format, file, converted);
        return converted;
    }
}
