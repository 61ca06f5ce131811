using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary>The laboratory's relay between a real client (curl) and a real server.</summary>
public sealed class Relayed_connections
{
    // SplitMix64 from seed 0, 64 MiB: docs/operations.md tells how to make it.
    private const string BigPage = "06c76628fe78ebe654e07d83077dfd0fdbba6f86f9004ed3203dd532cbe60e08";

    // curl's exit codes for a reset: before or after it has noticed that it is connected.
    private static readonly int[] Reset = [7, 56];

    // Nothing here is about failover: a machine that is busy must not cause one.
    private static readonly string[] Calm = ["--set", "group.dead-after=3s", "--set", "group.lease=2s", "--set", "node.compile-ahead=no"];

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [RootTheory]
    [InlineData()]
    [InlineData("--loopback")]
    public void Carry_a_large_page_and_a_large_upload_unchanged(params string[] options)
    {
        using Laboratory lab = Laboratory.Up(3, [.. Calm, .. options]);
        using var directory = new TemporaryDirectory();
        var upload = new byte[48 << 20];
        new Random(5).NextBytes(upload);
        File.WriteAllBytes(directory.File("upload"), upload);

        string page = Curl(lab, Url(lab, "/big"), "-o", directory.File("page"), "-w", "%{http_code}");
        string answer = Curl(lab, Url(lab, "/sink"), "-T", directory.File("upload"));

        Assert.Equal("200", page);
        using FileStream received = File.OpenRead(directory.File("page"));
        Assert.Equal(BigPage, Convert.ToHexStringLower(SHA256.HashData(received)));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(upload)), answer.Trim());
        Assert.True(lab["a"].Metric("appliance_relay_bytes_to_clients_total") > 64 << 20);
    }

    [RootFact]
    public void Name_the_client_to_the_server_by_a_proxy_header()
    {
        using Laboratory plain = Laboratory.Up(3, Calm);
        Assert.StartsWith($"{plain["a"].Address}:", Curl(plain, Url(plain, "/client")), StringComparison.Ordinal);
        plain.Dispose();

        using Laboratory lab = Laboratory.Up(3, [.. Calm, "--set", "backend web.send-proxy=v2"]);
        string client = Shell.RunIn(lab.ClientNamespace, "ip", "-4", "-br", "address", "show", "front").Split(' ', StringSplitOptions.RemoveEmptyEntries)[2].Split('/')[0];

        Assert.StartsWith($"{client}:", Curl(lab, Url(lab, "/client")), StringComparison.Ordinal);
    }

    [RootFact]
    public void Go_on_while_their_server_drains_and_new_ones_are_refused_until_it_is_ready()
    {
        using Laboratory lab = Laboratory.Up(3, Calm);
        string server = $"web/{Server(lab).GetProperty("address").GetString()}";
        using Download inFlight = Download.Begin(lab, lab["a"].Address, lab.RelayPort);

        string drained = Shell.Run(Laboratory.Program, "backend", "drain", server, "--admin", lab["a"].Admin);
        Shell.Outcome refused = Shell.Try(Limit, "nsenter", $"--net=/run/netns/{lab.ClientNamespace}", "curl", "-sS", Url(lab, "/healthz"));
        string ready = Shell.Run(Laboratory.Program, "backend", "ready", server, "--admin", lab["a"].Admin);
        string again = Curl(lab, Url(lab, "/healthz"));

        Assert.Contains("gets no new connections; it has 1", drained, StringComparison.Ordinal);
        Assert.Contains(refused.ExitCode, Reset);
        Assert.Contains("gets new connections; it has 1", ready, StringComparison.Ordinal);
        Assert.Equal("ok\n", again);
        Assert.Equal(BigPage, inFlight.Finish());
    }

    [RootFact]
    public void End_visibly_when_their_server_dies_and_new_ones_are_refused_at_once()
    {
        using Laboratory lab = Laboratory.Up(3, Calm);
        string backend = lab.Refresh().GetProperty("backend").GetProperty("namespace").GetString()!;
        using Download inFlight = Download.Begin(lab, lab["a"].Address, lab.RelayPort);

        foreach (string pid in Shell.Run("ip", "netns", "pids", backend).Split('\n', StringSplitOptions.RemoveEmptyEntries)) Shell.Run("kill", "-9", pid);

        Assert.NotEqual(BigPage, inFlight.Finish());
        Until.True("the checks have noticed", Limit, () => Server(lab).GetProperty("state").GetString() == "down");
        Assert.Equal("cannot connect: Connection refused", Server(lab).GetProperty("why").GetString());
        Assert.Contains("every server of pool web is down", lab["a"].Status().GetProperty("warnings").ToString(), StringComparison.Ordinal);
        Shell.Outcome refused = Shell.Try(Limit, "nsenter", $"--net=/run/netns/{lab.ClientNamespace}", "curl", "-sS", Url(lab, "/healthz"));
        Assert.Contains(refused.ExitCode, Reset);
        Assert.True(lab["a"].Metric("appliance_backend_refused_total") > 0);
    }

    [RootFact]
    public void Of_a_service_that_fails_its_check_make_the_node_say_so()
    {
        using Laboratory lab = Laboratory.Up(3, [.. Calm, "--set", "service demo.check=command /bin/false"]);

        Until.True("the check has ended", Limit, () => lab["a"].Status().GetProperty("services")[0].GetProperty("unhealthy").GetString() == "it ended with 1");

        Assert.Equal(0, lab["a"].Metric("appliance_service_healthy.service=.demo.."));
        Assert.Equal(1, lab["a"].Metric("appliance_service_healthy.service=.second.."));
    }

    private static System.Text.Json.JsonElement Server(Laboratory lab) => lab["a"].Status().GetProperty("backends")[0].GetProperty("servers")[0];

    private static string Url(Laboratory lab, string path) => $"http://{lab["a"].Address}:{lab.RelayPort}{path}";

    private static string Curl(Laboratory lab, params string[] arguments) =>
        lab.ClientNamespace.Length == 0 ? Shell.Run("curl", ["-sS", "--noproxy", "*", .. arguments]) : Shell.RunIn(lab.ClientNamespace, "curl", ["-sS", "--noproxy", "*", .. arguments]);

    /// <summary>A download of the large page that stops after its first bytes until the test wants the rest.</summary>
    private sealed class Download : IDisposable
    {
        private readonly Socket _socket;
        private readonly NetworkStream _stream;

        private Download(Socket socket)
        {
            _socket = socket;
            _stream = new NetworkStream(socket, ownsSocket: false);
        }

        internal static Download Begin(Laboratory lab, IPAddress address, int port) => NetworkNamespace.Run(lab.ClientNamespace, () =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = (int)Limit.TotalMilliseconds };
            socket.Connect(address, port);
            socket.Send("GET /big HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"u8);
            var download = new Download(socket);
            for (int matched = 0; matched < 4;) matched = download._stream.ReadByte() == "\r\n\r\n"[matched] ? matched + 1 : 0;
            return download;
        });

        /// <summary>The SHA-256 of the page as far as it came, or that the connection was reset.</summary>
        internal string Finish()
        {
            try
            {
                return Convert.ToHexStringLower(SHA256.HashData(_stream));
            }
            catch (IOException error) when (error.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset })
            {
                return "reset";
            }
        }

        public void Dispose()
        {
            _stream.Dispose();
            _socket.Dispose();
        }
    }
}
