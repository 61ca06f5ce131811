using System.Net;
using System.Text;
using Appliance.Interop;
using Appliance.Listeners.Relay;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Relay;

/// <summary>HAProxy's doc/proxy-protocol.txt, 2.1 and 2.2.</summary>
public sealed class PROXY_headers
{
    private static readonly IPEndPoint Source4 = IPEndPoint.Parse("192.0.2.1:56324"), Destination4 = IPEndPoint.Parse("198.51.100.2:443");
    private static readonly IPEndPoint Source6 = IPEndPoint.Parse("[2001:db8::1]:56324"), Destination6 = IPEndPoint.Parse("[2001:db8::ffff]:443");

    private static readonly byte[] Binary4 = [.. "\r\n\r\n\0\r\nQUIT\n"u8, 0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb];

    private static readonly byte[][] Valid =
    [
        .. new[]
        {
            "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", "PROXY TCP6 2001:db8::1 2001:db8::ffff 56324 443\r\n", "PROXY UNKNOWN\r\n",
            "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n",
        }.Select(Encoding.ASCII.GetBytes),
        Binary4,
        [.. Binary4[..12], 0x20, 0x00, 0, 0], // LOCAL
        [.. Binary4[..12], 0x20, 0x99, 0, 3, 1, 2, 3], // LOCAL: the rest is ignored
        [.. Binary4[..12], 0x21, 0x00, 0, 5, 1, 2, 3, 4, 5], // unspecified family
        [.. Binary4[..14], 0, 17, .. Binary4[16..], 3, 0, 2, 9, 9], // an option behind the addresses
        [.. Binary4[..13], 0x21, 0, 36, .. Source6.Address.GetAddressBytes(), .. Destination6.Address.GetAddressBytes(), 0xdc, 0x04, 0x01, 0xbb],
    ];

    [Fact]
    public void Of_version_1_name_the_client()
    {
        ProxyHeader four = Parse(Valid[0]), six = Parse(Valid[1]);

        Assert.Equal((Source4, Destination4), (four.Source.ToEndPoint(), four.Destination.ToEndPoint()));
        Assert.Equal((Source6, Destination6), (six.Source.ToEndPoint(), six.Destination.ToEndPoint()));
    }

    [Fact]
    public void Of_version_2_name_the_client()
    {
        ProxyHeader four = Parse(Binary4), six = Parse(Valid[^1]);

        Assert.Equal((Source4, Destination4), (four.Source.ToEndPoint(), four.Destination.ToEndPoint()));
        Assert.Equal((Source6, Destination6), (six.Source.ToEndPoint(), six.Destination.ToEndPoint()));
    }

    [Fact]
    public void Of_proxies_that_speak_for_themselves_name_nobody() =>
        Assert.All(new[] { Valid[2], Valid[3], Valid[6], Valid[7], Valid[8] }, static bytes => Assert.False(Parse(bytes).HasAddresses));

    [Fact]
    public void Are_written_as_they_are_read()
    {
        foreach ((IPEndPoint source, IPEndPoint destination) in new[] { (Source4, Destination4), (Source6, Destination6) })
        {
            var bytes = new byte[ProxyHeader.MaxWrittenBytes];
            SocketAddressBytes from = new(source), to = new(destination);

            ProxyHeader text = Parse(bytes[..ProxyHeader.Write1(bytes, from, to)]), binary = Parse(bytes[..ProxyHeader.Write2(bytes, from, to)]);

            Assert.Equal((source, destination), (text.Source.ToEndPoint(), text.Destination.ToEndPoint()));
            Assert.Equal((source, destination), (binary.Source.ToEndPoint(), binary.Destination.ToEndPoint()));
        }
        var written = new byte[ProxyHeader.MaxWrittenBytes];
        Assert.Equal(Valid[0], written[..ProxyHeader.Write1(written, new(Source4), new(Destination4))]);
        Assert.Equal(Binary4, written[..ProxyHeader.Write2(written, new(Source4), new(Destination4))]);
    }

    [Fact]
    public void Of_the_longest_addresses_fit()
    {
        var longest = IPEndPoint.Parse("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535");
        var bytes = new byte[ProxyHeader.MaxWrittenBytes];

        Assert.InRange(ProxyHeader.Write1(bytes, new(longest), new(longest)), 1, bytes.Length);
    }

    [Fact]
    public void Are_incomplete_at_every_prefix_and_take_nothing_of_what_follows()
    {
        foreach (byte[] whole in Valid)
        {
            for (int length = 0; length < whole.Length; length++) Assert.Equal(ProxyHeaderResult.Incomplete, ProxyHeader.TryParse(whole.AsSpan(0, length), out _));
            byte[] followed = [.. whole, .. "GET / HTTP/1.1\r\n\r\n"u8];
            Assert.Equal(ProxyHeaderResult.Complete, ProxyHeader.TryParse(followed, out ProxyHeader header));
            Assert.Equal(whole.Length, header.Bytes);
        }
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n", "Absent")]
    [InlineData("PUT", "Absent")]
    [InlineData("\r\n\r\nX", "Absent")]
    [InlineData("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "BadFamily")]
    [InlineData("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "BadText")]
    [InlineData("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", "BadText")]
    [InlineData("PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n", "BadText")]
    [InlineData("PROXY TCP4 1.2.3.400 5.6.7.8 1 2\r\n", "BadText")]
    [InlineData("PROXY TCP4 ::1 ::1 1 2\r\n", "BadText")]
    [InlineData("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", "BadText")]
    [InlineData("PROXY TCP6 ::1%1 ::1 1 2\r\n", "BadText")]
    [InlineData("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", "BadText")]
    [InlineData("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", "BadText")]
    [InlineData("PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", "BadText")]
    [InlineData("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "BadText")]
    [InlineData("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", "BadText")]
    [InlineData("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", "BadText")]
    public void Are_refused(string text, string result) => Assert.Equal(result, ProxyHeader.TryParse(Encoding.ASCII.GetBytes(text), out _).ToString());

    [Fact]
    public void Of_version_2_are_refused()
    {
        Assert.Equal(ProxyHeaderResult.BadVersion, Result([.. Binary4[..12], 0x31, .. Binary4[13..]]));
        Assert.Equal(ProxyHeaderResult.BadCommand, Result([.. Binary4[..12], 0x22, .. Binary4[13..]]));
        Assert.Equal(ProxyHeaderResult.BadFamily, Result([.. Binary4[..13], 0x12, .. Binary4[14..]]));
        Assert.Equal(ProxyHeaderResult.BadLength, Result([.. Binary4[..14], 0, 11, .. Binary4[16..]]));
        Assert.Equal(ProxyHeaderResult.BadLength, Result([.. Binary4[..14], 0xff, 0xff, .. Binary4[16..]]));
        Assert.Equal(ProxyHeaderResult.BadLength, Result(Encoding.ASCII.GetBytes("PROXY UNKNOWN " + new string('x', 100))));
    }

    [Fact]
    public void Of_any_bytes_are_judged_alike_however_they_are_split()
    {
        var random = new Random(7);
        int mutations = TestCounts.Of("proxy.mutations"), complete = 0, refused = 0;
        for (int i = 0; i < mutations; i++)
        {
            byte[] bytes = [.. Valid[random.Next(Valid.Length)], .. "rest"u8];
            for (int change = random.Next(4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            ProxyHeaderResult whole = ProxyHeader.TryParse(bytes, out ProxyHeader header);
            if (whole == ProxyHeaderResult.Complete) complete++;
            else if (whole != ProxyHeaderResult.Incomplete) refused++;
            // Whatever the first prefix says that says anything, all longer ones say too.
            ProxyHeaderResult first = ProxyHeaderResult.Incomplete;
            for (int length = 0; length <= bytes.Length && first == ProxyHeaderResult.Incomplete; length++)
            {
                first = ProxyHeader.TryParse(bytes.AsSpan(0, length), out ProxyHeader early);
                if (first == ProxyHeaderResult.Complete) Assert.Equal(header, early);
            }
            Assert.Equal(whole, first);
            if (whole == ProxyHeaderResult.Complete) Assert.InRange(header.Bytes, 1, bytes.Length);
        }
        Assert.True(complete > mutations / 10 && refused > mutations / 10, $"{complete} complete and {refused} refused of {mutations}");
        TestCounts.Reached("proxy.mutations", mutations);
    }

    private static ProxyHeader Parse(byte[] bytes)
    {
        Assert.Equal(ProxyHeaderResult.Complete, ProxyHeader.TryParse(bytes, out ProxyHeader header));
        Assert.Equal(bytes.Length, header.Bytes);
        return header;
    }

    private static ProxyHeaderResult Result(byte[] bytes) => ProxyHeader.TryParse(bytes, out _);
}
