using System.Net;
using Appliance.Configuration;
using Appliance.Tests.Relay;

namespace Appliance.Tests.Tls;

/// <summary>Two listeners over one table, as two nodes have it, and OpenSSL's own client.</summary>
[Trait("Demand", "A5"), Trait("Demand", "A6")]
public sealed class Resuming_sessions
{
    public static TheoryData<string, Resumption> Kinds => new()
    {
        { "-tls1_2", Resumption.Ids }, { "-tls1_3", Resumption.Ids }, { "-tls1_2", Resumption.Tickets }, { "-tls1_3", Resumption.Tickets }, { "-tls1_2", Resumption.Both }, { "-tls1_3", Resumption.Both },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_session_of_one_node_is_resumed_at_the_other(string version, Resumption resumption)
    {
        using var pair = new TlsPair(resumption);
        string session = NewSession(pair, version);

        for (int i = 0; i < 3; i++) Assert.Contains("Reused, TLSv", Client(pair.Second.Relay.EndPoint, version, "-sess_in", session), StringComparison.Ordinal);
        pair.Second.Relay.Await(() => pair.Second.Tls.Counters.ResumedTls12 + pair.Second.Tls.Counters.ResumedTls13 == 3, "three handshakes of three were not resumed");
    }

    [Fact]
    public void A_TLS_1_2_client_without_tickets_resumes_by_id_where_both_are_offered()
    {
        using var pair = new TlsPair(Resumption.Both);
        string session = NewSession(pair, "-tls1_2", "-no_ticket");

        Assert.Contains("Reused, TLSv", Client(pair.Second.Relay.EndPoint, "-tls1_2", "-no_ticket", "-sess_in", session), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public void A_session_that_the_table_does_not_hold_is_missed_and_a_full_handshake_follows(string version)
    {
        using var pair = new TlsPair(Resumption.Ids);
        string session = NewSession(pair, version);

        pair.ForgetSessions();

        AssertNotResumed(pair, version, "-sess_in", session);
        Assert.Equal(1, pair.Second.OnCounters(static counters => counters.MissedUnknown));
    }

    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public void A_ticket_under_an_unknown_key_is_missed(string version)
    {
        using var pair = new TlsPair(Resumption.Tickets);
        string session = NewSession(pair, version);

        pair.Second.Relay.OnLoop(() => { pair.Second.Tls.Use(Listeners.Tls.TicketKeys.Random()); return true; });

        AssertNotResumed(pair, version, "-sess_in", session);
        Assert.Equal(1, pair.Second.OnCounters(static counters => counters.MissedKey));
    }

    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public void Nothing_is_resumed_where_it_is_off(string version)
    {
        using var pair = new TlsPair(Resumption.Off);
        string session = pair.Directory.File("session");
        using (var client = new OpenSslClient(pair.First.Relay.EndPoint, version, "-sess_out", session))
        using (Peer server = pair.First.Relay.Accept())
        {
            server.Send("answer\n"u8);
            client.AwaitWord("answer"); // a ticket would have come before
            Assert.Contains("New, TLSv", client.End(), StringComparison.Ordinal);
        }

        string[] resume = File.Exists(session) ? ["-sess_in", session] : [];
        AssertNotResumed(pair, version, resume);
    }

    [Fact]
    public void A_session_for_one_use_is_resumed_once_at_whichever_node()
    {
        using var pair = new TlsPair(Resumption.Ids, static settings => settings with { SingleUse = true });
        string session = NewSession(pair, "-tls1_3"), next = pair.Directory.File("next");

        Assert.Contains("Reused, TLSv", Client(pair.Second.Relay.EndPoint, "-tls1_3", "-sess_in", session, "-sess_out", next), StringComparison.Ordinal);
        pair.Settle();
        Assert.Contains("New, TLSv", Client(pair.Second.Relay.EndPoint, "-tls1_3", "-sess_in", session), StringComparison.Ordinal);
        Assert.Contains("New, TLSv", Client(pair.First.Relay.EndPoint, "-tls1_3", "-sess_in", session), StringComparison.Ordinal);
        Assert.Contains("Reused, TLSv", Client(pair.First.Relay.EndPoint, "-tls1_3", "-sess_in", next), StringComparison.Ordinal); // each resumption brings a new one
    }

    [Fact]
    public void A_session_ends_by_the_clock_of_the_service_whatever_that_of_the_node_says()
    {
        using var pair = new TlsPair(Resumption.Ids);
        string session = NewSession(pair, "-tls1_3");

        pair.Advance(TimeSpan.FromHours(3));

        Assert.Contains("New, TLSv", Client(pair.Second.Relay.EndPoint, "-tls1_3", "-sess_in", session), StringComparison.Ordinal);
        Assert.Equal(1, pair.Second.OnCounters(static counters => counters.MissedExpired + counters.MissedUnknown));
    }

    /// <summary>The first listener gives a session, and the table has it where sessions are kept there.</summary>
    /// <returns>The file that the client wrote it to.</returns>
    private static string NewSession(TlsPair pair, string version, params string[] options)
    {
        string session = pair.Directory.File("session");
        Assert.Contains("New, TLSv", Client(pair.First.Relay.EndPoint, version, [.. options, "-sess_out", session]), StringComparison.Ordinal);
        pair.Settle();
        return session;
    }

    private static void AssertNotResumed(TlsPair pair, string version, params string[] options)
    {
        Assert.Contains("New, TLSv", Client(pair.Second.Relay.EndPoint, version, options), StringComparison.Ordinal);
        Assert.Equal(0, pair.Second.OnCounters(static counters => counters.ResumedTls12 + counters.ResumedTls13));
    }

    private static string Client(IPEndPoint server, string version, params string[] options) =>
        OpenSslClient.Handshake(server, [version, .. options]);
}
