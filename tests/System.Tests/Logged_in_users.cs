using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary>Must hold of logins: they go on at the node that takes over, and end at every node at once.</summary>
[Trait("Demand", "A7")]
public sealed class Logged_in_users : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30), Revoked = TimeSpan.FromMilliseconds(100);
    private static readonly string Alice = $"Authorization: Basic {Convert.ToBase64String("alice:open sesame"u8)}\r\n";
    private static readonly string[] Versions = ["-tls1_2", "-tls1_3"];
    private readonly TemporaryDirectory _directory = new();
    private readonly string[] _options;

    public Logged_in_users()
    {
        string credentials = _directory.File("credentials");
        File.WriteAllText(credentials, Shell.Run("bash", "-c", $"echo 'open sesame' | {Laboratory.Program} credential alice"));
        File.SetUnixFileMode(credentials, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _options = ["--set", "listener secure.forwarded=replace", "--set", $"listener secure.credentials-file={credentials}", "--set", "class credential.acks=1"];
    }

    [RootFact]
    public void Are_refused_at_every_node_within_100_ms_of_their_revocation()
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Patient, .. _options]);
        LabNode primary = lab.Primary;
        string[] addresses = [.. lab.Nodes.Select(static node => node.Address.ToString())];
        List<SslStream> clients = [.. addresses.Select(address => Connect(lab, address))];
        try
        {
            foreach (SslStream client in clients) Assert.Equal(200, Ask(client, Alice));
            foreach (SslStream client in clients) Assert.Equal(200, Ask(client, "")); // the connection is logged in
            using RespClient redis = lab.Connect(primary);

            redis.Call("SET", "auth:revoked:alice", "1", "EX", "600");
            long at = Stopwatch.GetTimestamp();
            TimeSpan[] refused = [.. clients.Select(client => AwaitRefusal(client, at))];

            Assert.All(refused, static time => Assert.InRange(time, TimeSpan.Zero, Revoked));
            foreach (string address in addresses)
            {
                using SslStream again = Connect(lab, address);
                Assert.Equal(401, Ask(again, Alice));
            }
        }
        finally
        {
            foreach (SslStream client in clients) client.Dispose();
        }
    }

    [RootTheory]
    [InlineData("ids")]
    [InlineData("tickets")]
    public void Are_not_asked_again_after_a_failover(string resumption)
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Calm, "--set", $"listener secure.resumption={resumption}", .. _options]);
        LabNode first = lab.Primary;
        foreach (string version in Versions) Assert.Contains("HTTP/1.1 200", OpenSsl(lab, first.Address, version, Alice, "-sess_out", _directory.File(version)), StringComparison.Ordinal);
        lab.AwaitConverged(Limit);

        lab.Lab("pull", first.Id);
        LabNode next = lab.AwaitPrimary(Laboratory.Service, after: first);

        foreach (string version in Versions)
        {
            Assert.Contains("HTTP/1.1 200", OpenSsl(lab, lab.ServiceAddress, version, "", "-sess_in", _directory.File(version)), StringComparison.Ordinal);
            Assert.Contains("HTTP/1.1 401", OpenSsl(lab, lab.ServiceAddress, version, ""), StringComparison.Ordinal); // who has no such session is asked
        }
        Assert.Equal(0, next.Metric("appliance_http_logins_total.*outcome=.accepted.*"));
    }

    public void Dispose() => _directory.Dispose();

    private static SslStream Connect(Laboratory lab, string address) => NetworkNamespace.Run(lab.ClientNamespace, () =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 30_000 };
        socket.Connect(IPAddress.Parse(address), lab.TlsPort);
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true), false, static (_, _, _, _) => true);
        stream.AuthenticateAsClient("test");
        return stream;
    });

    // The status; 0 when the connection ended without one, as one that was used before does.
    private static int Ask(SslStream client, string authorization)
    {
        client.Write(Encoding.ASCII.GetBytes($"GET /healthz HTTP/1.1\r\nHost: test\r\n{authorization}\r\n"));
        var bytes = new byte[4096];
        int length = 0, end = -1;
        while (end < 0)
        {
            int received = client.Read(bytes, length, bytes.Length - length);
            if (received == 0) return 0;
            length += received;
            end = bytes.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
        }
        string head = Encoding.ASCII.GetString(bytes, 0, end);
        // The listener's own answers have no body, the server's come in chunks.
        while (head.Contains("chunked", StringComparison.Ordinal) && !bytes.AsSpan(0, length).EndsWith("\r\n0\r\n\r\n"u8)) length += client.Read(bytes, length, bytes.Length - length);
        return int.Parse(head.AsSpan(9, 3), System.Globalization.CultureInfo.InvariantCulture);
    }

    // How long after the revocation the last request was still answered.
    private static TimeSpan AwaitRefusal(SslStream client, long revokedAt)
    {
        while (true)
        {
            TimeSpan asked = Stopwatch.GetElapsedTime(revokedAt);
            try
            {
                if (Ask(client, "") != 200) return asked;
            }
            catch (IOException)
            {
                return asked; // an answer of the server may have been under way: RST
            }
            if (asked > Limit) return asked;
        }
    }

    private static string OpenSsl(Laboratory lab, IPAddress server, string version, string authorization, params string[] options) => Shell.RunIn(lab.ClientNamespace, "bash", "-c",
        $"printf 'GET /healthz HTTP/1.1\\r\\nHost: test\\r\\n{authorization.Replace("\r\n", "\\r\\n", StringComparison.Ordinal)}Connection: close\\r\\n\\r\\n' | timeout {(options.Length == 0 ? 3 : 15)} openssl s_client -ign_eof -connect {server}:{lab.TlsPort} {version} {string.Join(' ', options)} 2>&1 || true");
}
