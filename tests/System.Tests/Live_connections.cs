using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Established TCP connections of unmodified programs go on when the node that carries them dies (docs/takeover.md).</summary>
[Trait("Demand", "A2"), Trait("Demand", "A8")]
public sealed class Live_connections
{
    // SplitMix64 from seed 0, 64 MiB: docs/operations.md tells how to make it.
    private const string BigPage = "06c76628fe78ebe654e07d83077dfd0fdbba6f86f9004ed3203dd532cbe60e08";

    private const int UploadBytes = 48 << 20;
    private static readonly string[] Survive = [.. Laboratory.Calm, "--set", "listener web.survive=connections"];
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    [RootTheory]
    [InlineData("kill")]
    [InlineData("pull")]
    [InlineData("freeze")]
    [InlineData("promote")]
    [InlineData("drain")]
    public void Downloads_and_uploads_go_on_byte_for_byte_when_the_primary_is_taken_from_them(string fault)
    {
        int each = TestCounts.Of("system.takeover.transfers");
        using Laboratory lab = Laboratory.Up(3, Survive);
        lab.AwaitConverged(Limit);
        using var processes = new NodeProcesses();
        using var resets = new Capture(lab, "tcp[tcpflags] & tcp-rst != 0");
        for (int round = 0; round < TestCounts.Of("system.takeover.rounds"); round++)
        {
            using var transfers = new Transfers(lab, downloads: each, uploads: each);
            LabNode carrier = lab.Primary;
            double before = lab.Nodes.Where(node => node.Id != carrier.Id).Sum(static node => node.Metric("appliance_live_restored_total"));
            transfers.AwaitEach(UploadBytes / 8);
            Assert.Equal(2 * each, carrier.Metric("appliance_live_connections.service=.demo.."));

            Take(lab, processes, carrier, fault);
            LabNode next = lab.AwaitPrimary(Laboratory.Service, after: carrier);

            Assert.Equal(Enumerable.Repeat(BigPage, each), transfers.Downloaded());
            Assert.Equal(Enumerable.Repeat(transfers.Uploaded, each), transfers.Answers());
            Assert.Equal(before + 2 * each, lab.Nodes.Where(node => node.Id != carrier.Id).Sum(static node => node.Metric("appliance_live_restored_total")));
            Assert.Equal(0, next.Metric("appliance_live_lost_total"));
            Assert.Empty(resets.Packets);
            GiveBack(lab, processes, carrier, fault);
            Until.True("the finished connections are forgotten by all", Limit, () => lab.Nodes.All(static node => node.Metric("appliance_live_connections.service=.demo..") == 0));
            TestCounts.Reached("system.takeover.rounds", 1);
            TestCounts.Reached("system.takeover.transfers", 2 * each);
        }
    }

    [RootTheory]
    [InlineData("10.0.0.200", "10.0.0.150")]
    [InlineData("fd00::200", "fd00::150")]
    public void An_answer_that_a_half_closed_client_waits_for_arrives_whole_over_IPv4_and_over_IPv6(string server, string service)
    {
        string backend = $"{server}:9000".Replace("fd00::200", "[fd00::200]", StringComparison.Ordinal);
        using Laboratory lab = Laboratory.Up(3, [.. Survive, "--set", $"backend web.servers={backend}", "--set", "backend web.check=none"]);
        lab.AwaitConverged(Limit);
        using var processes = new NodeProcesses();
        LabNode killed = lab.Primary;
        byte[] question = new byte[3 << 20], answer = new byte[40 << 20];
        new Random(6).NextBytes(question);
        new Random(7).NextBytes(answer);
        using Socket listener = NetworkNamespace.Run($"{killed.Namespace[..^1]}backend", () => Listening(IPEndPoint.Parse(backend)));
        Task<byte[]> asked = Task.Run(() => Answer(listener, answer));
        using Socket client = NetworkNamespace.Run(lab.ClientNamespace, () => Connected(new IPEndPoint(IPAddress.Parse(service), lab.RelayPort)));
        using var stream = new NetworkStream(client, ownsSocket: false);
        stream.Write(question);
        client.Shutdown(SocketShutdown.Send);
        byte[] received = new byte[answer.Length];
        stream.ReadExactly(received, 0, 1 << 20); // then it reads no more: the rest is on its way, in the kernels and the relay

        processes.Kill(killed);
        lab.AwaitPrimary(Laboratory.Service, after: killed);

        stream.ReadExactly(received, 1 << 20, answer.Length - (1 << 20));
        Assert.Equal(0, stream.Read(new byte[1]));
        Assert.True(received.AsSpan().SequenceEqual(answer));
        Assert.True(asked.Result.AsSpan().SequenceEqual(SHA256.HashData(question)));
    }

    [RootFact]
    public void A_flush_of_the_packet_filter_is_undone_and_said()
    {
        using Laboratory lab = Laboratory.Up(3, Survive);
        LabNode primary = lab.Primary;

        Shell.Run("nsenter", $"--net=/run/netns/{primary.Namespace}", "nft", "flush", "ruleset");

        Until.True("the rules are put back", Limit, () => primary.Metric("appliance_live_rules_restored_total") == 1);
        Assert.Contains("appliance-", Shell.RunIn(primary.Namespace, "nft", "list", "ruleset"), StringComparison.Ordinal);
        Assert.Contains("was changed or flushed by another program", lab.LogOf(primary), StringComparison.Ordinal);
    }

    [RootFact]
    public void Transfers_go_on_at_a_node_that_is_left_alone_which_says_that_they_are_not_protected_until_another_has_come()
    {
        using Laboratory lab = Laboratory.Up(2, Survive);
        lab.AwaitConverged(Limit);
        using var processes = new NodeProcesses();
        LabNode primary = lab.Primary, other = lab.Secondaries[0];
        Until.True("the connections are protected", Limit, () => IsProtected(primary));
        using var transfers = new Transfers(lab, downloads: 2, uploads: 2);
        transfers.AwaitEach(UploadBytes / 8);

        processes.Kill(other);

        Until.True("the connections are protected no longer", Limit, () => !IsProtected(primary));
        Assert.Contains("relayed WITHOUT PROTECTION", primary.Status().GetProperty("warnings").ToString(), StringComparison.Ordinal);
        processes.Start(other);
        Until.True("the connections are protected again", Limit, () => IsProtected(primary));
        Until.True("the other knows them", Limit, () => other.Metric("appliance_live_connections.service=.demo..") == primary.Metric("appliance_live_connections.service=.demo.."));
        Assert.Equal(Enumerable.Repeat(BigPage, 2), transfers.Downloaded());
        Assert.Equal(Enumerable.Repeat(transfers.Uploaded, 2), transfers.Answers());
    }

    private static Socket Listening(IPEndPoint endPoint)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(endPoint);
        socket.Listen();
        return socket;
    }

    private static Socket Connected(IPEndPoint endPoint)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = (int)Limit.TotalMilliseconds, SendTimeout = (int)Limit.TotalMilliseconds };
        socket.Connect(endPoint);
        return socket;
    }

    // Takes one question to its end, answers, and tells the question's SHA-256.
    private static byte[] Answer(Socket listener, byte[] answer)
    {
        using Socket accepted = listener.Accept();
        using var stream = new NetworkStream(accepted, ownsSocket: false);
        byte[] hash = SHA256.HashData(stream);
        stream.Write(answer);
        accepted.Shutdown(SocketShutdown.Send);
        return hash;
    }

    private static bool IsProtected(LabNode node) => node.Status().GetProperty("live")[0].GetProperty("protected").GetBoolean();

    private static void Take(Laboratory lab, NodeProcesses processes, LabNode carrier, string fault)
    {
        switch (fault)
        {
            case "kill": processes.Kill(carrier); break;
            case "pull":
                lab.Lab("pull", carrier.Id, "front");
                lab.Lab("pull", carrier.Id, "sync");
                break;
            case "freeze": lab.Lab("freeze", carrier.Id); break;
            case "promote": lab.Promote(lab.Secondaries[0], Laboratory.Service); break;
            default: Shell.Run(Laboratory.Program, "drain", carrier.Id, "--admin", carrier.Admin); break;
        }
    }

    private static void GiveBack(Laboratory lab, NodeProcesses processes, LabNode carrier, string fault)
    {
        switch (fault)
        {
            case "kill": processes.Start(carrier); break;
            case "pull": lab.Lab("heal"); break;
            case "freeze": lab.Lab("thaw", carrier.Id); break;
            case "drain": Shell.Run(Laboratory.Program, "undrain", carrier.Id, "--admin", carrier.Admin); break;
        }
        lab.AwaitConverged(Limit);
    }
}
