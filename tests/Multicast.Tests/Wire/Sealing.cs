using Appliance.Multicast;
using Appliance.Multicast.Interop;
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
    public void A_forged_datagram_costs_no_exception_and_leaves_nothing_behind()      // P-13: a flood of them is bounded by AES alone
    {
        using var cipher = new StreamCipher(Key, 1, WireBytes.Node, 1, 0);
        byte[] datagram = WireBytes.Datagram(DatagramType.Data, [.. Enumerable.Repeat((byte)7, 100)], cipher);
        datagram[^1] ^= 1;
        byte[] opened = [.. Enumerable.Repeat((byte)9, 100)];
        int thread = Environment.CurrentManagedThreadId, thrown = 0;
        void Count(object? sender, System.Runtime.ExceptionServices.FirstChanceExceptionEventArgs e) => thrown += Environment.CurrentManagedThreadId == thread ? 1 : 0;
        AppDomain.CurrentDomain.FirstChanceException += Count;
        bool authentic = cipher.TryOpen(datagram, 36, opened);
        AppDomain.CurrentDomain.FirstChanceException -= Count;
        Assert.False(authentic);
        Assert.Equal(0, thrown);
        Assert.All(opened, static value => Assert.Equal(0, value));
    }

    [Fact]
    public void It_is_the_AES_256_GCM_of_NIST()                             // test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation"
    {
        using var aes = AesGcmContext.Create(Convert.FromHexString("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
        byte[] nonce = Convert.FromHexString("cafebabefacedbaddecaf888"), clear = Convert.FromHexString("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        byte[] plain = Convert.FromHexString("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
        byte[] body = [.. plain], tag = new byte[16], opened = new byte[plain.Length];
        aes.Encrypt(nonce, clear, body, tag);
        Assert.Equal("522DC1F099567D07F47F37A32A84427D643A8CDCBFE5C0C97598A2BD2555D1AA8CB08E48590DBB3DA7B08B1056828838C5F61E6393BA7A0ABCC9F662", Convert.ToHexString(body));
        Assert.Equal("76FC6ECE0F4E1768CDDF8853BB2D551B", Convert.ToHexString(tag));
        Assert.True(aes.TryDecrypt(nonce, clear, body, tag, opened));
        Assert.Equal(plain, opened);
    }

    [Fact]
    public void A_cipher_that_was_freed_is_not_used()
    {
        var cipher = new StreamCipher(Key, 1, WireBytes.Node, 1, 0);
        cipher.Dispose();
        Assert.Throws<ObjectDisposedException>(() => cipher.Seal(new byte[100], 36));
        Assert.Throws<ObjectDisposedException>(() => cipher.TryOpen(new byte[100], 36, new byte[48]));
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
