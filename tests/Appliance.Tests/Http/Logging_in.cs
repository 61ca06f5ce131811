using System.Globalization;
using System.Text;
using Appliance.Configuration;
using Appliance.Listeners.Http;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Tls;

namespace Appliance.Tests.Http;

/// <summary>Two listeners over one table, as two nodes have it, and OpenSSL's own client.</summary>
[Trait("Demand", "A7")]
public sealed class Logging_in : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly string Alice = Basic("alice", "open sesame");
    private readonly TemporaryDirectory _directory = new();
    private readonly string _credentials;

    public Logging_in()
    {
        _credentials = _directory.File("credentials");
        File.WriteAllText(_credentials, $"{Credentials.LineOf("alice", PasswordHash.Of("open sesame"u8))}\n{Credentials.LineOfToken("robot", "r2d2")}\n");
        File.SetUnixFileMode(_credentials, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Theory]
    [InlineData("-tls1_2", Resumption.Ids)]
    [InlineData("-tls1_3", Resumption.Ids)]
    [InlineData("-tls1_2", Resumption.Tickets)]
    [InlineData("-tls1_3", Resumption.Tickets)]
    [InlineData("-tls1_3", Resumption.Both)]
    public void Stays_with_the_session_at_the_other_node_until_the_user_is_logged_out(string version, Resumption resumption)
    {
        using TlsPair pair = Open(resumption);
        using var first = new EchoingServer(pair.First.Relay.Servers[0]);
        using var second = new EchoingServer(pair.Second.Relay.Servers[0]);
        string session = _directory.File("session");

        Assert.Contains("HTTP/1.1 401 Unauthorized", Ask(pair.First, version, "", "-sess_out", _directory.File("other")), StringComparison.Ordinal);
        string asked = Ask(pair.First, version, Alice, "-sess_out", session);
        Assert.Contains("X-Forwarded-User: alice\r\n", asked, StringComparison.Ordinal);
        Assert.DoesNotContain("Authorization:", asked, StringComparison.Ordinal); // the password goes no further
        Assert.Equal(["alice"], pair.Values("auth:login:"));
        pair.Settle();

        Assert.Contains("X-Forwarded-User: alice\r\n", Ask(pair.Second, version, "", "-sess_in", session), StringComparison.Ordinal);
        Assert.Contains("X-Forwarded-User: alice\r\n", Ask(pair.Second, version, Alice, "-sess_in", session), StringComparison.Ordinal);
        Assert.Equal(0, pair.Second.Relay.OnLoop(() => pair.Second.Tls.Logins!.Accepted)); // nobody checked the password again

        pair.Delete("auth:login:");
        Assert.Contains("HTTP/1.1 401 Unauthorized", Ask(pair.Second, version, "", "-sess_in", session), StringComparison.Ordinal);
        Assert.Contains("HTTP/1.1 401 Unauthorized", Ask(pair.First, version, "", "-sess_in", session), StringComparison.Ordinal);
    }

    [Fact]
    public void Is_refused_to_who_was_revoked_at_every_node()
    {
        using TlsPair pair = Open(Resumption.Both);
        using var first = new EchoingServer(pair.First.Relay.Servers[0]);
        using var second = new EchoingServer(pair.Second.Relay.Servers[0]);
        string session = _directory.File("session");
        Ask(pair.First, "-tls1_3", Alice, "-sess_out", session);

        pair.Revoke("alice");

        Assert.Contains("HTTP/1.1 401 Unauthorized", Ask(pair.Second, "-tls1_3", "", "-sess_in", session), StringComparison.Ordinal);
        Assert.Contains("HTTP/1.1 401 Unauthorized", Ask(pair.First, "-tls1_3", Alice), StringComparison.Ordinal);
        Assert.Contains("X-Forwarded-User: robot\r\n", Ask(pair.First, "-tls1_3", "Bearer r2d2"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Bearer r2d3")]
    [InlineData("Bearer ")]
    [InlineData("Basic ***")]
    [InlineData("Basic YWxpY2U=")] // no colon
    [InlineData("Negotiate YWxpY2U6b3BlbiBzZXNhbWU=")]
    [InlineData("alice")]
    public void Is_refused_to_who_proves_nothing(string authorization) => Refuses(authorization, "401 Unauthorized");

    [Fact]
    public void Is_refused_with_another_password_or_name()
    {
        Refuses(Basic("alice", "open sesamE"), "401 Unauthorized");
        Refuses(Basic("bob", "open sesame"), "401 Unauthorized");
        Refuses(Basic("robot", "r2d2"), "401 Unauthorized");
    }

    [Fact]
    public void Turns_away_one_client_that_asks_too_much_at_once()
    {
        using TlsPair pair = Open(Resumption.Tickets);
        int port = pair.First.Relay.EndPoint.Port;
        string ask = string.Create(CultureInfo.InvariantCulture, $"printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\nAuthorization: {Basic("alice", "wrong")}\\r\\n\\r\\n' | timeout 50 openssl s_client -quiet -ign_eof -connect 127.0.0.1:{port} 2>&1");

        string said = Shell.Try(Limit, "bash", "-c", $"for i in $(seq 24); do ({ask}) & done; wait").Output;

        Assert.Contains("HTTP/1.1 503 Service Unavailable", said, StringComparison.Ordinal);
        Assert.Contains("HTTP/1.1 401 Unauthorized", said, StringComparison.Ordinal);
        Assert.NotEqual(0, pair.First.Relay.OnLoop(() => pair.First.Tls.Logins!.TurnedAway));
    }

    public void Dispose() => _directory.Dispose();

    private static string Basic(string name, string password) => $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}"))}";

    private void Refuses(string authorization, string status)
    {
        using TlsPair pair = Open(Resumption.Tickets);

        string said = Ask(pair.First, "-tls1_3", authorization);

        Assert.True(said.Contains($"HTTP/1.1 {status}", StringComparison.Ordinal), said);
        Assert.Equal(0, pair.First.OnCounters(static counters => counters.Requests));
    }

    private TlsPair Open(Resumption resumption) =>
        new(resumption, settings => settings with { Http = new HttpRules { Forwarded = Forwarded.Replace, CredentialsFile = _credentials } });

    // Behind a challenge the connection stays open: who shows nothing ends it when the answer is there.
    private string Ask(TlsFixture server, string version, string authorization, params string[] options)
    {
        string said = _directory.File("said");
        string field = authorization.Length == 0 ? "" : $"Authorization: {authorization}\\r\\n";
        string end = authorization.Length > 0 ? "" : $"until grep -qsE $'^(HTTP/1.1 401|X-Forwarded-User:).*\\r' {said} || [ $SECONDS -ge 10 ]; do sleep 0.05; done";
        File.Delete(said);
        Shell.Try(Limit, "bash", "-c", $"(printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\n{field}\\r\\n'; {end}) | timeout 10 openssl s_client -quiet {(end.Length > 0 ? "-no_ign_eof" : "-ign_eof")} -connect {server.Relay.EndPoint} {version} {string.Join(' ', options)} > {said} 2>&1");
        return File.ReadAllText(said);
    }
}
