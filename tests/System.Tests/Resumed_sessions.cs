using System.Diagnostics;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary>Must hold of TLS: a session made at one node resumes at the node that takes over.</summary>
[Trait("Demand", "A2"), Trait("Demand", "A5"), Trait("Demand", "A6")]
public sealed class Resumed_sessions
{
    private const int Rounds = 10;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly string[] Versions = ["-tls1_2", "-tls1_3"];

    [RootTheory]
    [InlineData("ids")]
    [InlineData("tickets")]
    public void After_the_primarys_cables_were_pulled_ten_of_ten(string resumption)
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Calm, "--set", $"listener secure.resumption={resumption}"]);
        using var directory = new TemporaryDirectory();
        LabNode first = lab.Primary;
        foreach (string version in Versions) Assert.Contains("New, TLSv", OpenSsl(lab, $"{first.Address}:{lab.TlsPort}", version, "-sess_out", directory.File(version)), StringComparison.Ordinal);

        LabNode next = TakeOver(lab, first);

        foreach (string version in Versions)
        {
            for (int i = 0; i < Rounds; i++) Assert.Contains("Reused, TLSv", OpenSsl(lab, $"{lab.ServiceAddress}:{lab.TlsPort}", version, "-sess_in", directory.File(version)), StringComparison.Ordinal);
        }
        Assert.Equal(2 * Rounds, next.Metric("appliance_tls_handshakes_total.*kind=.resumed.*"));
        Assert.Equal(0, next.Metric("appliance_tls_handshakes_total.*kind=.full.*"));
    }

    [RootFact]
    public void Without_the_mirror_none()
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Calm, "--set", "listener secure.resumption=off"]);
        using var directory = new TemporaryDirectory();
        LabNode first = lab.Primary;
        foreach (string version in Versions) OpenSsl(lab, $"{first.Address}:{lab.TlsPort}", version, "-sess_out", directory.File(version));

        LabNode next = TakeOver(lab, first);

        foreach (string version in Versions)
        {
            string[] resume = File.Exists(directory.File(version)) ? ["-sess_in", directory.File(version)] : [];
            Assert.Contains("New, TLSv", OpenSsl(lab, $"{lab.ServiceAddress}:{lab.TlsPort}", version, resume), StringComparison.Ordinal);
        }
        Assert.Equal(0, next.Metric("appliance_tls_handshakes_total.*kind=.resumed.*"));
    }

    [RootTheory]
    [InlineData("ids")]
    [InlineData("tickets")]
    public void Of_curl_and_of_GnuTLS_too(string resumption)
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Calm, "--set", $"listener secure.resumption={resumption}"]);
        string url = $"https://{lab.ServiceAddress}:{lab.TlsPort}/healthz";
        LabNode first = lab.Primary;
        // One process that fetches twice, the second time 15 s later; and one that connects again when it is told to.
        using Process curl = Start(lab, "curl", "-ksS", "--rate", "4/m", "-H", "Connection: close", url, url);
        using Process gnutls = Start(lab, "gnutls-cli", "--insecure", "--inline-commands", "-p", $"{lab.TlsPort}", $"{lab.ServiceAddress}");
        Task<string> said = gnutls.StandardOutput.ReadToEndAsync();
        Until.True("both have shaken hands", Limit, () => first.Metric("appliance_tls_handshakes_total.*kind=.full.*") >= 2);

        LabNode next = TakeOver(lab, first);
        gnutls.StandardInput.Write("^resume^\n");
        gnutls.StandardInput.Flush();
        Until.True("both have resumed", Limit, () => next.Metric("appliance_tls_handshakes_total.*kind=.resumed.*") >= 2);
        gnutls.StandardInput.Close();

        Assert.True(curl.WaitForExit(Limit));
        Assert.Equal((0, "ok\nok\n"), (curl.ExitCode, curl.StandardOutput.ReadToEnd()));
        if (!gnutls.WaitForExit(TimeSpan.FromSeconds(5))) gnutls.Kill();
        Assert.Contains("This is a resumed session", said.Result, StringComparison.Ordinal);
        Assert.Equal(0, next.Metric("appliance_tls_handshakes_total.*kind=.full.*"));
    }

    [RootFact]
    public void Under_a_key_that_was_changed_by_command_on_all_nodes_alike()
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Patient, "--set", "listener secure.resumption=tickets"]);
        using var directory = new TemporaryDirectory();
        LabNode primary = lab.Primary;
        string session = directory.File("session"), at = $"{primary.Address}:{lab.TlsPort}";
        Until.True("all nodes have the first key", Limit, () => lab.Nodes.All(static node => EpochOf(node) == 1));
        OpenSsl(lab, at, "-tls1_3", "-sess_out", session);

        Shell.Run(Laboratory.Program, "rotate-keys", "--admin", primary.Admin);
        Until.True("all nodes seal with the second key", Limit, () => lab.Nodes.All(static node => EpochOf(node) == 2));

        Assert.Contains("Reused, TLSv", OpenSsl(lab, at, "-tls1_3", "-sess_in", session), StringComparison.Ordinal);
        Shell.Outcome elsewhere = Shell.Try(Limit, Laboratory.Program, "rotate-keys", "--admin", lab.Nodes.First(node => node.Id != primary.Id).Admin);
        Assert.Equal(1, elsewhere.ExitCode);
        Assert.Contains($"is not the primary of demo: ask {primary.Id}", elsewhere.Error, StringComparison.Ordinal);
    }

    private static int EpochOf(LabNode node) => node.Status().GetProperty("tls")[0].GetProperty("keyEpoch").GetInt32();

    private static LabNode TakeOver(Laboratory lab, LabNode first)
    {
        lab.AwaitConverged(Limit); // what was written is everywhere
        lab.Lab("pull", first.Id);
        return lab.AwaitPrimary(Laboratory.Service, after: first);
    }

    private static string OpenSsl(Laboratory lab, string server, string version, params string[] options) => Shell.RunIn(lab.ClientNamespace, "bash", "-c",
        $"printf 'GET /healthz HTTP/1.1\\r\\nHost: test\\r\\nConnection: close\\r\\n\\r\\n' | timeout 15 openssl s_client -ign_eof -connect {server} {version} {string.Join(' ', options)} 2>&1");

    private static Process Start(Laboratory lab, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("nsenter") { RedirectStandardOutput = true, RedirectStandardInput = true };
        foreach (string argument in (string[])[$"--net=/run/netns/{lab.ClientNamespace}", program, .. arguments]) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }
}
