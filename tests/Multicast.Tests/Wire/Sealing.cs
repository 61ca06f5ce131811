using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Wire;

public sealed class Sealing
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(static i => (byte)(i * 7))];

    [Fact]
    public void What_was_sealed_opens_with_the_same_life_and_key_only()      // P-10, P-11, P-13
    {
        using var cipher = new StreamCipher(Key, 1, WireBytes.Node, 5, 77);
        byte[] datagram = WireBytes.Datagram(DatagramType.Data, [1, 2, 3], cipher, incarnation: 5);

        Assert.True(Opens(new StreamCipher(Key, 1, WireBytes.Node, 5, 77), datagram));
        Assert.False(Opens(new StreamCipher(Key, 2, WireBytes.Node, 5, 77), datagram));
        Assert.False(Opens(new StreamCipher(Key, 1, NodeId.FromName("b"), 5, 77), datagram));
        Assert.False(Opens(new StreamCipher(Key, 1, WireBytes.Node, 6, 77), datagram));
        Assert.False(Opens(new StreamCipher(Key, 1, WireBytes.Node, 5, 78), datagram));
        Assert.False(Opens(new StreamCipher([.. Key.Reverse()], 1, WireBytes.Node, 5, 77), datagram));
    }

    [Theory]
    [InlineData((byte)DatagramType.Data)]
    [InlineData((byte)DatagramType.Join)]
    public void Every_flipped_bit_is_noticed(byte typeByte)                  // P-13: header, salt, body and tag
    {
        var type = (DatagramType)typeByte;
        using var cipher = new StreamCipher(Key, 1, WireBytes.Node, 1, 0);
        byte[] datagram = WireBytes.Datagram(type, WireBytes.Join(), cipher);
        for (int bit = 0; bit < datagram.Length * 8; bit++)
        {
            datagram[bit / 8] ^= (byte)(1 << (bit % 8));
            if (DatagramHeader.TryParse(datagram, out var header) == DropReason.None && header.ClearBytes == DatagramHeader.ClearBytesOf(type) && (header.Flags & DatagramFlags.Sealed) != 0)
                Assert.False(cipher.TryOpen(datagram, header.ClearBytes, new byte[header.Sealed.Length]));
            datagram[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.True(Opens(cipher, datagram));
    }

    [Fact]
    public void Types_do_not_share_nonces()                                 // P-12, P-15: the same counter and body, another ciphertext
    {
        using var cipher = new StreamCipher(Key, 1, WireBytes.Node, 1, 0);
        byte[] body = new byte[100];
        var texts = new[] { DatagramType.Data, DatagramType.Report, DatagramType.Heartbeat, DatagramType.Probe }
            .Select(type => Convert.ToHexString(WireBytes.Datagram(type, body, cipher)[36..^16])).ToHashSet();
        Assert.Equal(4, texts.Count);
    }

    [Fact]
    public void A_counter_is_accepted_once_within_64()                      // P-14
    {
        var window = new ReplayWindow();
        Assert.True(window.IsNew(5));
        window.Accept(5);
        Assert.False(window.IsNew(5));
        window.Accept(7);
        Assert.True(window.IsNew(6));
        window.Accept(6);
        Assert.False(window.IsNew(6));
        window.Accept(70);
        Assert.False(window.IsNew(6));
        Assert.False(window.IsNew(7));
        Assert.True(window.IsNew(8));
        window.Accept(1000);
        Assert.False(window.IsNew(936));
        Assert.True(window.IsNew(937));
        Assert.True(window.IsNew(1001));
    }

    [Fact]
    public void A_key_must_have_32_bytes() =>
        Assert.Throws<ArgumentException>(() => new GroupEngine(new EngineOptions { GroupName = "g", Keys = [new GroupKey(1, new byte[16])] },
            new EngineIdentity { Name = "a", Incarnation = 1, Salt = 1, Nonce = 1, RandomSeed = 1 }, new Engine.NoHandler()));

    private static bool Opens(StreamCipher cipher, byte[] datagram)
    {
        DatagramHeader.TryParse(datagram, out var header);
        return cipher.TryOpen(datagram, header.ClearBytes, new byte[header.Sealed.Length]);
    }
}
