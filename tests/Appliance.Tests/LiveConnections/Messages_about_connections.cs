using Appliance.LiveConnections;
using Appliance.State;
using Appliance.Tests.Shared;

namespace Appliance.Tests.LiveConnections;

/// <summary>The wire format of what members tell each other of live connections.</summary>
[Trait("Demand", "A8")]
public sealed class Messages_about_connections
{
    [Fact]
    public void Are_read_as_they_were_written()
    {
        byte[] bytes = new byte[ConnectionMessage.HeaderBytes + 3];
        ConnectionMessage.WriteHeader(bytes, ConnectionMessageKind.Data, 1, new ServiceId(0x01020304), 77, 9, 1L << 40);
        "abc"u8.CopyTo(bytes.AsSpan(ConnectionMessage.HeaderBytes));

        Assert.True(ConnectionMessage.TryParse(bytes, out ConnectionMessage message));
        Assert.Equal(ConnectionMessageKind.Data, message.Kind);
        Assert.Equal(1, message.Side);
        Assert.Equal(new ServiceId(0x01020304), message.Service);
        Assert.Equal(77ul, message.Term);
        Assert.Equal(9u, message.Connection);
        Assert.Equal(1L << 40, message.Offset);
        Assert.True(message.Value.SequenceEqual("abc"u8));
        for (int length = 0; length <= ConnectionMessage.HeaderBytes; length++) Assert.False(ConnectionMessage.TryParse(bytes.AsSpan(0, length), out _)); // no data message is empty
    }

    [Fact]
    public void Any_bytes_are_refused_or_name_a_side_and_an_offset_that_can_be_added_to()
    {
        int mutations = TestCounts.Of("takeover.messages");
        var random = new Random(921);
        byte[] bytes = new byte[ConnectionMessage.HeaderBytes + ConnectionMessage.RecordBytes];
        int good = 0;
        for (int i = 0; i < mutations; i++)
        {
            random.NextBytes(bytes);
            bytes[0] = 0x80;
            bytes[1] &= 7;
            bytes[2] &= 3;
            bytes[3] &= (byte)(random.Next(8) == 0 ? 0xff : 0);
            if (!ConnectionMessage.TryParse(bytes.AsSpan(0, random.Next(3) switch { 0 => ConnectionMessage.HeaderBytes, 1 => bytes.Length, _ => random.Next(bytes.Length) }), out ConnectionMessage message)) continue;
            good++;
            Assert.InRange(message.Side, 0, 1);
            Assert.InRange(message.Offset, 0, long.MaxValue / 2);
            Assert.True(Enum.IsDefined(message.Kind));
            Assert.Equal(message.Kind is ConnectionMessageKind.Data or ConnectionMessageKind.Record, message.Value.Length > 0);
        }
        Assert.True(good > mutations / 50, $"only {good} were read");
        TestCounts.Reached("takeover.messages", mutations);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(16)]
    public void Nodes_connect_to_servers_from_ports_that_no_other_has(int members)
    {
        (int First, int Last)[] shares = [.. Enumerable.Range(0, members).Select(member => EphemeralPorts.Share((32768, 60999), member, members))];

        Assert.All(shares, static share => Assert.InRange(share.Last - share.First, 1000, 60999 - 32768));
        for (int i = 1; i < members; i++) Assert.True(shares[i - 1].Last < shares[i].First);
        Assert.True(shares[0].First >= 32768 && shares[^1].Last <= 60999);
    }
}
