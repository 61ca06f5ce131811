using System.Diagnostics;
using System.Globalization;
using Appliance.Host;
using Appliance.Tests.Shared;
using Microsoft.Extensions.Logging.Abstractions;

namespace Appliance.Tests.Host;

/// <summary>sd_notify(3), over a real socket, from a real process.</summary>
public sealed class Telling_the_service_manager : IDisposable
{
    private const int HangUp = 1;
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("path")]
    [InlineData("abstract")]
    public async Task Reaches_paths_and_abstract_addresses(string kind)
    {
        using var socket = new NotifySocket(kind == "path" ? _directory.File("notify") : $"@appliance-test-{Guid.NewGuid():n}");
        await using var manager = new ServiceManager(socket.Address, null, NullLogger.Instance);

        manager.Ready();
        manager.Say("one\nline");
        long before = Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1_000_000);
        manager.Reloading();
        await manager.StopAsync();

        Assert.Equal("READY=1", socket.Receive(TimeSpan.FromSeconds(5)));
        Assert.Equal("STATUS=one line", socket.Receive(TimeSpan.FromSeconds(5)));
        string[] reloading = socket.Receive(TimeSpan.FromSeconds(5))!.Split('\n');
        Assert.Equal("RELOADING=1", reloading[0]);
        Assert.InRange(long.Parse(reloading[1]["MONOTONIC_USEC=".Length..], CultureInfo.InvariantCulture), before, before + 10_000_000);
        Assert.Equal("STOPPING=1", socket.Receive(TimeSpan.FromSeconds(5)));
    }

    [Theory]
    [InlineData(null), InlineData(""), InlineData("vsock:2:1234"), InlineData("/nobody/listens/here")]
    public async Task Goes_on_without_one(string? address)
    {
        await using var manager = new ServiceManager(address, TimeSpan.FromMilliseconds(10), NullLogger.Instance);
        manager.Ready();
        manager.Watch(static _ => Task.FromResult("well"));
        await manager.StopAsync();
        Assert.Equal(TimeSpan.FromMilliseconds(10), manager.Watchdog);
    }

    [Fact]
    public async Task Takes_a_watchdog_only_when_it_is_meant_and_hides_the_socket_from_children()
    {
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", _directory.File("notify"));
        Environment.SetEnvironmentVariable("WATCHDOG_USEC", "3000000");
        Environment.SetEnvironmentVariable("WATCHDOG_PID", "1");
        await using (var other = ServiceManager.FromEnvironment(NullLogger.Instance)) Assert.Null(other.Watchdog);
        Assert.Null(Environment.GetEnvironmentVariable("NOTIFY_SOCKET"));

        Environment.SetEnvironmentVariable("WATCHDOG_USEC", "3000000");
        Environment.SetEnvironmentVariable("WATCHDOG_PID", Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        await using (var own = ServiceManager.FromEnvironment(NullLogger.Instance)) Assert.Equal(TimeSpan.FromSeconds(3), own.Watchdog);
    }

    [Fact]
    public void A_node_tells_when_it_serves_reloads_and_ends()
    {
        using var socket = new NotifySocket($"@appliance-test-{Guid.NewGuid():n}");
        using var node = new NodeProcess(new Dictionary<string, string> { ["NOTIFY_SOCKET"] = socket.Address });

        socket.Await("READY=1");
        Assert.True(File.Exists(node.Admin));
        socket.Await("STATUS=primary of shop in term ");
        node.Signal(HangUp);
        socket.Await("RELOADING=1\nMONOTONIC_USEC=");
        Assert.Equal("READY=1", socket.Await("READY"));
        Assert.Equal(0, node.End());
        Assert.Equal("STOPPING=1", socket.Await("STOPPING"));
        Assert.Null(socket.Receive(TimeSpan.Zero));
    }

    [Fact]
    public void A_node_that_cannot_start_tells_why_and_is_never_ready()
    {
        using var socket = new NotifySocket(_directory.File("notify"));
        using var node = new NodeProcess(new Dictionary<string, string> { ["NOTIFY_SOCKET"] = socket.Address }, "[listener state]\nservice = shop\ntype = resp\nbind = node\nnode-addresses = 127.0.0.1\npassword-file = /none\n");

        Assert.StartsWith("STATUS=cannot start: ", socket.Receive(TimeSpan.FromSeconds(20)), StringComparison.Ordinal);
        Assert.Contains("cannot start", node.Log, StringComparison.Ordinal);
    }

    [RootFact]
    public void The_watchdog_is_fed_while_the_loop_turns_and_falls_silent_when_it_hangs()
    {
        TimeSpan watchdog = TimeSpan.FromSeconds(1);
        using var socket = new NotifySocket(_directory.File("notify"));
        using var node = new NodeProcess(new Dictionary<string, string> { ["NOTIFY_SOCKET"] = socket.Address, ["WATCHDOG_USEC"] = "1000000" });
        for (int i = 0; i < 3; i++) socket.Await("WATCHDOG=1");

        using (new StoppedThread(node.Id, "loop"))
        {
            socket.Drain();
            // The process itself goes on: it says that the loop hangs, and says nothing else any more.
            Assert.Contains("loop has not answered", socket.Await("STATUS=the node's"), StringComparison.Ordinal);
            Stopwatch silent = Stopwatch.StartNew();
            while (silent.Elapsed < 2 * watchdog) Assert.DoesNotContain("WATCHDOG", socket.Receive(2 * watchdog - silent.Elapsed) ?? "", StringComparison.Ordinal);
        }
        socket.Await("WATCHDOG=1");
        Assert.Equal(0, node.End());
    }
}
