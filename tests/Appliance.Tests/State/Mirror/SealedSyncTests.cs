using System.Net;
using System.Net.Sockets;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Snapshots over real sealed connections on loopback: the threads, buffers and loops of both ends (ARCHITECTURE 4, join and resync).</summary>
public sealed class SealedSyncTests : IDisposable
{
    private const int Records = 10_000;
    private static readonly GroupKey Key = new(7, Enumerable.Range(0, 32).Select(static i => (byte)i).ToArray());
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly MirrorCluster _group = new("a", "b");
    private readonly SynchronisationServer _server;
    private readonly int _frameBytes;

    public SealedSyncTests()
    {
        for (int i = 0; i < Records; i++)
        {
            _group["a"].Set($"key:{i}", new string('v', 300));
            if (i % 500 == 0) _group.Run(1);
        }
        _group.RunUntilQuiet();
        _group.Kill("b");
        _group.ChannelsBreak = true; // b begins empty and stays so
        _group.Start("b").Service.AdoptChain(_group["a"].Service.Chain);
        _frameBytes = SyncLimits.MessageBytes(_group["a"].Store.Limits);
        _server = SynchronisationServer.Start(new IPEndPoint(IPAddress.Loopback, 0), Settings("a", Key), _frameBytes, _group["a"].Mirror.CreateServerSession);
    }

    [Fact]
    public void A_snapshot_arrives_whole()
    {
        (SnapshotFetch fetch, string failure) = Fetch(_server.EndPoint, Key);
        Assert.True(fetch.IsDone, failure);
        Assert.Equal(MirrorCluster.Dump(_group["a"]), MirrorCluster.Dump(_group["b"]));
        Assert.Equal(_group["a"].Service.Position, _group["b"].Service.Position);
        Assert.True(SpinWait.SpinUntil(() => _server.RecordsSent == Records, Patience));
    }

    [Fact]
    public void A_connection_that_breaks_half_way_is_told_and_the_next_one_completes()
    {
        using (var relay = new BreakingRelay(_server.EndPoint, bytes: 1_500_000))
        {
            (SnapshotFetch broken, string failure) = Fetch(relay.EndPoint, Key);
            Assert.True(broken.HasFailed);
            Assert.NotEqual("", failure);
            Assert.InRange(_group["b"].Mirror.Counters.SnapshotRecords, 1, Records - 1);
            Assert.Equal(RecordVersion.None, _group["b"].Service.Position);
        }
        (SnapshotFetch fetch, string none) = Fetch(_server.EndPoint, Key);
        Assert.True(fetch.IsDone, none);
        Assert.Equal(MirrorCluster.Dump(_group["a"]), MirrorCluster.Dump(_group["b"]));
    }

    [Fact]
    public void A_wrong_key_gets_nothing_and_is_told_why()
    {
        (SnapshotFetch wrong, string failure) = Fetch(_server.EndPoint, new GroupKey(7, new byte[32]));
        Assert.True(wrong.HasFailed);
        Assert.NotEqual("", failure);
        (SnapshotFetch unknown, string refusal) = Fetch(_server.EndPoint, new GroupKey(8, Key.Bytes));
        Assert.True(unknown.HasFailed);
        Assert.Contains("refused", refusal, StringComparison.Ordinal);
        Assert.Equal(0, _group["b"].Mirror.Counters.SnapshotRecords);
        Assert.Equal(0, _server.RecordsSent);
    }

    [Fact]
    public void Another_node_at_the_members_address_is_not_taken_for_it()
    {
        (SnapshotFetch fetch, string failure) = Fetch(_server.EndPoint, Key, server: "c");
        Assert.True(fetch.HasFailed);
        Assert.Contains("a answers at", failure, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _server.Dispose();
        _group.Dispose();
    }

    private (SnapshotFetch Fetch, string Failure) Fetch(IPEndPoint endPoint, GroupKey key, string server = "a")
    {
        var member = new GroupMember(NodeId.FromName(server), server, 1) { SynchronisationEndPoint = endPoint };
        using var loop = new EventLoop();
        using var transport = new SealedSyncTransport(loop, Settings("b", key), _frameBytes);
        using var driver = new FetchDriver(() => new SnapshotFetch(transport, _group["b"].Service, _group["b"].Mirror.Counters, member, RecordVersion.None, false, loop.Now));
        loop.Add(driver);
        var thread = new Thread(loop.Run) { Name = "loop under test", IsBackground = true };
        thread.Start();
        bool ended = driver.Ended.Wait(Patience);
        loop.RequestStop();
        thread.Join();
        Assert.True(ended, "the fetch neither succeeds nor fails");
        return (driver.Fetch!, transport.LastFailure);
    }

    private static SealedConnectionSettings Settings(string node, GroupKey key) => new()
    {
        GroupName = "shop",
        NodeName = node,
        Keys = [key],
        IdleTimeout = TimeSpan.FromSeconds(10),
    };

    private sealed class FetchDriver(Func<SnapshotFetch> begin) : IRoundHandler, IDisposable
    {
        internal ManualResetEventSlim Ended { get; } = new();

        internal SnapshotFetch? Fetch { get; private set; }

        public Timestamp NextDeadline => Fetch is null or { HasWork: true } ? default : Timestamp.Never;

        public void OnRoundEnd(Timestamp now)
        {
            Fetch ??= begin();
            Fetch.Step(now);
            if (Fetch.IsDone || Fetch.HasFailed) Ended.Set();
        }

        public void Dispose() => Ended.Dispose();
    }

    /// <summary>Passes so many bytes of the answers on, then breaks the connection.</summary>
    private sealed class BreakingRelay : IDisposable
    {
        private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        private readonly Thread _thread;

        internal BreakingRelay(IPEndPoint server, int bytes)
        {
            _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _listener.Listen(1);
            EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
            _thread = new Thread(() => Run(server, bytes)) { Name = "relay", IsBackground = true };
            _thread.Start();
        }

        internal IPEndPoint EndPoint { get; }

        public void Dispose()
        {
            _listener.Dispose();
            _server.Dispose();
            _thread.Join();
        }

        private void Run(IPEndPoint server, int bytes)
        {
            using Socket client = _listener.Accept();
            _server.Connect(server);
            var forth = new Thread(() => Pass(client, _server, int.MaxValue)) { IsBackground = true };
            forth.Start();
            Pass(_server, client, bytes);
            client.Close();
            _server.Close();
            forth.Join();
        }

        private static void Pass(Socket from, Socket to, int bytes)
        {
            byte[] buffer = new byte[16384];
            try
            {
                while (bytes > 0 && from.Receive(buffer) is var received and > 0)
                {
                    to.Send(buffer.AsSpan(0, received));
                    bytes -= received;
                }
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // One end is gone: so is the relay.
            }
        }
    }
}
