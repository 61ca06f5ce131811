using System.Net;
using System.Net.Sockets;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Multicast.Transport;

public sealed class SealedConnectionTests
{
    private static readonly GroupKey Key = new(7, Enumerable.Range(0, 32).Select(static i => (byte)i).ToArray());

    private static SealedConnectionSettings Settings(string node, bool isSealed = true, params GroupKey[] keys) => new()
    {
        GroupName = "shop",
        NodeName = node,
        Sealed = isSealed,
        Keys = keys.Length == 0 && isSealed ? [Key] : keys,
        IdleTimeout = TimeSpan.FromSeconds(5),
    };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Frames_arrive_as_they_were_sent_in_both_directions(bool isSealed)
    {
        using SealedListener listener = Echo(Settings("a", isSealed));
        using SealedConnection connection = SealedConnection.Connect(listener.EndPoint, Settings("b", isSealed));
        byte[] buffer = new byte[256 * 1024];
        var random = new Random(1);
        foreach (int length in new[] { 1, 2, 15, 16, 17, 1000, 65536, 256 * 1024 })
        {
            byte[] sent = new byte[length];
            random.NextBytes(sent);
            connection.Send(sent);
            Assert.Equal(length, connection.Receive(buffer));
            Assert.Equal(sent, buffer.AsSpan(0, length).ToArray());
        }
        connection.Complete();
        Assert.Equal(0, connection.Receive(buffer));
        Assert.Equal(0, connection.Receive(buffer));
        Assert.Equal("a", connection.PeerName);
    }

    [Fact]
    public void A_sealed_connection_shows_nothing_of_its_payload()
    {
        using SealedListener listener = Echo(Settings("a"));
        using var relay = new Relay(listener.EndPoint, static _ => { });
        using SealedConnection connection = SealedConnection.Connect(relay.EndPoint, Settings("b"));
        byte[] buffer = new byte[256 * 1024];
        connection.Send("the secret of the shop, the secret of the shop"u8);
        Assert.True(connection.Receive(buffer) > 0);
        Assert.True(relay.Seen.AsSpan().IndexOf("secret"u8) < 0);
    }

    [Fact]
    public void A_wrong_key_under_the_right_id_is_refused()
    {
        using SealedListener listener = Echo(Settings("a"));
        var other = new GroupKey(7, new byte[32]);
        AssertFails(SealedConnectionError.Forged, () => SealedConnection.Connect(listener.EndPoint, Settings("b", true, other)));
    }

    [Fact]
    public void An_unknown_key_id_is_refused_with_its_reason()
    {
        using SealedListener listener = Echo(Settings("a"));
        var other = new GroupKey(8, Key.Bytes);
        AssertFails(SealedConnectionError.UnknownKey, () => SealedConnection.Connect(listener.EndPoint, Settings("b", true, other)));
        AssertCounted(listener, SealedConnectionError.UnknownKey);
    }

    [Fact]
    public void Every_accepted_key_opens_and_new_settings_hold_for_new_connections()
    {
        var next = new GroupKey(8, new byte[32]);
        using SealedListener listener = Echo(Settings("a"));
        listener.Settings = Settings("a", true, Key, next);
        foreach (GroupKey[] keys in new[] { [Key], [Key, next], new[] { next } })
            using (SealedConnection.Connect(listener.EndPoint, Settings("b", true, keys))) { }
    }

    [Fact]
    public void Another_group_is_refused_with_its_reason()
    {
        using SealedListener listener = Echo(Settings("a"));
        AssertFails(SealedConnectionError.OtherGroup, () => SealedConnection.Connect(listener.EndPoint, Settings("b") with { GroupName = "other" }));
    }

    [Fact]
    public void A_plain_caller_is_refused_by_a_sealed_listener()
    {
        using SealedListener listener = Echo(Settings("a"));
        AssertFails(SealedConnectionError.SecurityDiffers, () => SealedConnection.Connect(listener.EndPoint, Settings("b", isSealed: false)));
    }

    [Theory]
    [InlineData(0)]  // magic
    [InlineData(9)]  // caller's nonce
    [InlineData(75)] // caller's name
    [InlineData(106)] // header of the caller's finishing frame
    [InlineData(112)] // its tag
    [InlineData(126)] // header of the first frame
    [InlineData(140)] // its payload
    public void A_bit_changed_on_the_way_is_noticed(int offset)
    {
        using SealedListener listener = Echo(Settings("a"));
        using var relay = new Relay(listener.EndPoint, bytes =>
        {
            if (offset >= bytes.Offset && offset < bytes.Offset + bytes.Count) bytes.Array[offset - bytes.Offset] ^= 1;
        });
        SealedConnectionException error = Assert.Throws<SealedConnectionException>(() =>
        {
            using SealedConnection connection = SealedConnection.Connect(relay.EndPoint, Settings("b"));
            connection.Send(new byte[100]);
            connection.Receive(new byte[256 * 1024]);
        });
        Assert.NotEqual(SealedConnectionError.TimedOut, error.Error);
    }

    [Fact]
    public void A_cut_is_told_from_an_end()
    {
        using SealedListener listener = SealedListener.Start(new(IPAddress.Loopback, 0), Settings("a"), static connection => connection.Send([1, 2, 3]));
        using SealedConnection connection = SealedConnection.Connect(listener.EndPoint, Settings("b"));
        byte[] buffer = new byte[256 * 1024];
        Assert.Equal(3, connection.Receive(buffer));
        AssertFails(SealedConnectionError.Truncated, () => connection.Receive(buffer));
    }

    [Fact]
    public void A_silent_peer_ends_in_a_time_out()
    {
        using var release = new ManualResetEventSlim();
        using SealedListener listener = SealedListener.Start(new(IPAddress.Loopback, 0), Settings("a"), _ => release.Wait());
        using SealedConnection connection = SealedConnection.Connect(listener.EndPoint, Settings("b") with { IdleTimeout = TimeSpan.FromMilliseconds(50) });
        AssertFails(SealedConnectionError.TimedOut, () => connection.Receive(new byte[256 * 1024]));
        release.Set();
    }

    [Fact]
    public void A_listener_that_never_answers_ends_in_a_time_out()
    {
        using var mute = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        mute.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        mute.Listen();
        AssertFails(SealedConnectionError.TimedOut, () =>
            SealedConnection.Connect((IPEndPoint)mute.LocalEndPoint!, Settings("b") with { HandshakeTimeout = TimeSpan.FromMilliseconds(100) }));
    }

    [Fact]
    public void Nobody_there_is_said()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound, so that nobody else takes it; not listening
        AssertFails(SealedConnectionError.Unreachable, () => SealedConnection.Connect((IPEndPoint)taken.LocalEndPoint!, Settings("b")));
    }

    [Fact]
    public void Abort_ends_a_waiting_receive()
    {
        using var release = new ManualResetEventSlim();
        using SealedListener listener = SealedListener.Start(new(IPAddress.Loopback, 0), Settings("a"), _ => release.Wait());
        using SealedConnection connection = SealedConnection.Connect(listener.EndPoint, Settings("b"));
        Exception? seen = null;
        var reader = new Thread(() => seen = Record.Exception(() => connection.Receive(new byte[256 * 1024])));
        reader.Start();
        connection.Abort();
        Assert.True(reader.Join(TimeSpan.FromSeconds(4)));
        Assert.Equal(SealedConnectionError.Closed, Assert.IsType<SealedConnectionException>(seen).Error);
        release.Set();
    }

    [Fact]
    public void Strangers_cannot_keep_members_out()
    {
        using SealedListener listener = Echo(Settings("a") with { MaxConnections = 3, HandshakeTimeout = TimeSpan.FromSeconds(30) });
        List<Socket> strangers = [];
        for (int i = 0; i < 10; i++)
        {
            var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            stranger.Connect(listener.EndPoint);
            strangers.Add(stranger);
        }
        using (SealedConnection member = SealedConnection.Connect(listener.EndPoint, Settings("b")))
        {
            member.Send([5]);
            Assert.Equal(1, member.Receive(new byte[256 * 1024]));
        }
        foreach (Socket stranger in strangers) stranger.Dispose();
    }

    [Fact]
    public void More_members_than_allowed_are_turned_away()
    {
        using SealedListener listener = Echo(Settings("a") with { MaxConnections = 2 });
        using SealedConnection first = SealedConnection.Connect(listener.EndPoint, Settings("b"));
        using SealedConnection second = SealedConnection.Connect(listener.EndPoint, Settings("c"));
        byte[] buffer = new byte[256 * 1024];
        foreach (SealedConnection connection in new[] { first, second })
        {
            connection.Send([1]);
            Assert.Equal(1, connection.Receive(buffer));
        }
        Assert.Throws<SealedConnectionException>(() => SealedConnection.Connect(listener.EndPoint, Settings("d")));
        AssertCounted(listener, SealedConnectionError.Full);
    }

    [Fact]
    public void Frames_allocate_nothing()
    {
        using SealedListener listener = Echo(Settings("a"));
        using SealedConnection connection = SealedConnection.Connect(listener.EndPoint, Settings("b"));
        byte[] buffer = new byte[256 * 1024];
        byte[] payload = new byte[10_000];
        void RoundTrip()
        {
            connection.Send(payload);
            connection.Receive(buffer);
        }
        for (int i = 0; i < 50; i++) RoundTrip();
        Assert.Equal(0, Allocated.Least(() =>
        {
            for (int i = 0; i < 200; i++) RoundTrip();
        }));
    }

    [Fact]
    public void Any_bytes_to_a_listener_end_in_a_counted_refusal()
    {
        using SealedListener listener = Echo(Settings("a") with { HandshakeTimeout = TimeSpan.FromMilliseconds(200) });
        var random = new Random(2);
        byte[] hello = new byte[SealedHello.Bytes];
        SealedHello.Write(hello, 1, Key.Id, "shop", "b");
        long sent = 0;
        for (int i = 0; i < 200; i++)
        {
            byte[] bytes = [.. hello, .. new byte[random.Next(40)]];
            for (int change = random.Next(4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Connect(listener.EndPoint);
            socket.Send(bytes.AsSpan(0, random.Next(bytes.Length + 1)));
            socket.Shutdown(SocketShutdown.Send);
            sent++;
        }
        AssertEventually(() => Enum.GetValues<SealedConnectionError>().Sum(listener.CountOf) >= sent, "all refused");
        Assert.Equal(0, listener.Established);
        using SealedConnection still = SealedConnection.Connect(listener.EndPoint, Settings("b"));
    }

    [Fact]
    public void Hellos_are_refused_at_every_prefix_and_with_impossible_names()
    {
        byte[] hello = new byte[SealedHello.Bytes];
        SealedHello.Write(hello, 1, 7, "shop", "b");
        Assert.True(SealedHello.TryParse(hello, out SealedHello parsed));
        Assert.Equal("shop", parsed.GroupName);
        Assert.Equal("b", parsed.NodeName);
        Assert.Equal(7, parsed.KeyId);
        for (int length = 0; length < hello.Length; length++) Assert.False(SealedHello.TryParse(hello.AsSpan(0, length), out _));
        foreach ((int offset, byte value) in new[] { (0, (byte)0), (4, (byte)2), (40, (byte)33), (41, (byte)'A'), (60, (byte)1), (73, (byte)255) })
        {
            byte[] changed = [.. hello];
            changed[offset] = value;
            Assert.False(SealedHello.TryParse(changed, out _));
        }
    }

    private static SealedListener Echo(SealedConnectionSettings settings) =>
        SealedListener.Start(new(IPAddress.Loopback, 0), settings, static connection =>
        {
            byte[] buffer = new byte[256 * 1024];
            int length;
            while ((length = connection.Receive(buffer)) > 0) connection.Send(buffer.AsSpan(0, length));
            connection.Complete();
        });

    private static void AssertFails(SealedConnectionError expected, Action act)
    {
        SealedConnectionException error = Assert.Throws<SealedConnectionException>(act);
        Assert.Equal(expected, error.Error);
    }

    private static void AssertFails(SealedConnectionError expected, Func<object> act) => AssertFails(expected, () => { act(); });

    private static void AssertCounted(SealedListener listener, SealedConnectionError error) =>
        AssertEventually(() => listener.CountOf(error) > 0, $"{error} counted");

    private static void AssertEventually(Func<bool> condition, string what) =>
        Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(10)), what);
}
