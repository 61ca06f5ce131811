using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Tls;

/// <summary>What programs of others find of a listener with the defaults.</summary>
public sealed class Independent_checks
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public void Sslscan_finds_nothing_old_and_nothing_weak()
    {
        using var fixture = new TlsFixture();

        string said = Shell.Try(Limit, "sslscan", "--no-colour", fixture.Relay.EndPoint.ToString()).Output;

        string[] lines = [.. said.Split('\n').Select(static line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
        foreach (string old in new[] { "SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1" }) Assert.Contains($"{old} disabled", lines);
        foreach (string version in new[] { "TLSv1.2", "TLSv1.3" })
        {
            Assert.Contains($"{version} enabled", lines);
            Assert.Contains($"{version} not vulnerable to heartbleed", lines);
        }
        Assert.Contains("Session renegotiation not supported", lines);
        string[] ciphers = [.. lines.Where(static line => line.StartsWith("Preferred ", StringComparison.Ordinal) || line.StartsWith("Accepted ", StringComparison.Ordinal))];
        Assert.True(ciphers.Length >= 5, said);
        Assert.All(ciphers, static cipher => Assert.Matches("(ECDHE-.*|TLS_.*)(GCM|CHACHA20)", cipher));
    }

    [Fact]
    public void OpenSSL_gets_the_stapled_response_that_it_asks_for()
    {
        using var fixture = new TlsFixture(static (certificates, settings) =>
        {
            certificates.Staple(settings.Certificates[0], serial: 1);
            return settings;
        });

        string stapled = OpenSslClient.Handshake(fixture.Relay.EndPoint, "-status"), unasked = OpenSslClient.Handshake(fixture.Relay.EndPoint);

        Assert.Contains("OCSP Response Status: successful", stapled, StringComparison.Ordinal);
        Assert.Contains("Cert Status: good", stapled, StringComparison.Ordinal);
        Assert.DoesNotContain("OCSP Response Status", unasked, StringComparison.Ordinal);
        Assert.Equal(1, fixture.OnCounters(static counters => counters.StapledResponses));
    }
}
