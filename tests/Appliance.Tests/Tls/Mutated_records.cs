using System.Net.Security;
using System.Security.Authentication;
using Appliance.Listeners.Relay;
using Appliance.Tests.Relay;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Tls;

/// <summary>Whatever clients send instead of TLS is refused, counted and forgotten; afterwards others are served as before.</summary>
public sealed class Mutated_records
{
    private const int Seed = 20261121;

    [Fact]
    public void End_their_connections_and_nothing_else()
    {
        int count = TestCounts.Of("tls.record-mutations");
        using var fixture = new TlsFixture(static (_, settings) => settings with { MaxHandshakes = 100_000, MaxHandshakesPerSource = 0, HandshakeTimeout = TimeSpan.FromMilliseconds(500) });
        byte[][] hellos = [Hello(SslProtocols.Tls12), Hello(SslProtocols.Tls13)];
        var random = new Random(Seed);

        for (int i = 0; i < count; i++)
        {
            byte[] record = Mutate(hellos[i % 2], random);
            using Peer peer = fixture.Relay.Connect();
            try
            {
                peer.Send(record);
                peer.Reset();
            }
            catch (System.Net.Sockets.SocketException)
            {
                // It was refused before all of it was sent.
            }
        }

        fixture.Relay.Await(() => fixture.Relay.Listener.Connections.Count == 0, "all have ended");
        Assert.Equal(0, fixture.OnCounters(static counters => counters.Handshaking));
        long ended = fixture.Relay.OnLoop(() => Enum.GetValues<RelayEnd>().Sum(fixture.Relay.Listener.Counters.Ended));
        Assert.Equal(count, ended);
        using SslStream client = fixture.Connect();
        Assert.True(client.IsAuthenticated);
        TestCounts.Reached("tls.record-mutations", count);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public void Behind_a_handshake_reset_the_server(SslProtocols version)
    {
        using var fixture = new TlsFixture();
        Peer socket = fixture.Relay.Connect();
        var client = new SslStream(new System.Net.Sockets.NetworkStream(socket.Socket, ownsSocket: false), false, static (_, _, _, _) => true);
        client.AuthenticateAsClient(new SslClientAuthenticationOptions { TargetHost = "shop.test", EnabledSslProtocols = version });
        using Peer server = fixture.Relay.Accept();

        socket.Send([23, 3, 3, 0, 32, .. new byte[32]]); // a record whose tag is wrong

        server.ExpectReset();
        fixture.Relay.AwaitEnded(RelayEnd.ClientBroken);
        socket.Dispose();
    }

    private static byte[] Hello(SslProtocols version)
    {
        using var wire = new Recording();
        using var client = new SslStream(wire, false, static (_, _, _, _) => true);
        Assert.ThrowsAny<Exception>(() => client.AuthenticateAsClient(new SslClientAuthenticationOptions { TargetHost = "shop.test", EnabledSslProtocols = version }));
        return wire.Written.ToArray();
    }

    private static byte[] Mutate(byte[] original, Random random)
    {
        var bytes = new List<byte>(original);
        for (int changes = random.Next(1, 6); changes > 0; changes--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                case 3:
                    bytes.RemoveAt(at);
                    break;
                case 4:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes.AddRange(bytes.GetRange(at, Math.Min(random.Next(1, 600), bytes.Count - at)));
                    break;
            }
            if (bytes.Count == 0) return [0];
        }
        return [.. bytes];
    }

    private sealed class Recording : Stream
    {
        internal MemoryStream Written { get; } = new();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush()
        {
            // Nothing waits.
        }

        public override int Read(byte[] buffer, int offset, int count) => 0;

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => Written.Write(buffer, offset, count);
    }
}
