using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Tests.Appliance.Resp.Protocol;

public sealed class The_encoder
{
    [Theory]
    [InlineData(2, "$-1\r\n*-1\r\n*4\r\n*1\r\n$5\r\na\r\nb\0\r\n")]
    [InlineData(3, "_\r\n_\r\n%2\r\n~1\r\n=9\r\ntxt:a\r\nb\0\r\n")]
    public void Writes_each_type_as_the_version_has_it(int protocol, string expected)
    {
        using RespWriter writer = new(16, 1000) { Protocol = protocol };
        writer.Null();
        writer.NullArray();
        writer.Map(2);
        writer.Set(1);
        writer.Verbatim("a\r\nb\0"u8);
        Assert.Equal(expected, Text(writer));
    }

    [Fact]
    public void Writes_what_both_versions_share()
    {
        using RespWriter writer = new(16, 10_000);
        writer.Simple("OK"u8);
        writer.Error("ERR a\r\nb\r\n"u8);
        writer.Integer(long.MinValue);
        writer.Integer(9);
        writer.Bulk(""u8);
        writer.Bulk("\r\n"u8);
        writer.BulkNumber(-5);
        writer.BulkNumber(ulong.MaxValue);
        writer.Array(12);
        Assert.Equal("+OK\r\n-ERR a  b\r\n:-9223372036854775808\r\n:9\r\n$0\r\n\r\n$2\r\n\r\n\r\n$2\r\n-5\r\n$20\r\n18446744073709551615\r\n*12\r\n", Text(writer));
    }

    [Fact]
    public void Puts_a_header_before_elements_that_were_counted_while_they_were_written()
    {
        using RespWriter writer = new(16, 1000);
        writer.Integer(1);
        int mark = writer.Length;
        writer.Integer(2);
        writer.Integer(3);
        writer.InsertArray(mark, 2);
        Assert.Equal(":1\r\n*2\r\n:2\r\n:3\r\n", Text(writer));
    }

    [Fact]
    public void Cuts_a_reply_that_passes_the_limit_and_keeps_those_before_it()
    {
        using RespWriter writer = new(16, 100);
        writer.BeginReply();
        writer.Bulk(new byte[60]);
        int mark = writer.BeginReply();
        writer.Bulk(new byte[60]);
        Assert.False(writer.Overflowed);
        writer.Bulk(new byte[60]);
        writer.Integer(1);
        Assert.True(writer.Overflowed);
        writer.RollBack(mark);
        writer.Simple("OK"u8);
        Assert.EndsWith("\0\r\n+OK\r\n", Text(writer), StringComparison.Ordinal);
    }

    private static string Text(RespWriter writer) => Encoding.Latin1.GetString(writer.Written);
}

public sealed class Numbers
{
    [Theory]
    [InlineData("0", 0L)]
    [InlineData("-1", -1L)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-9223372036854775808", long.MinValue)]
    public void Are_read_within_64_bits(string text, long expected)
    {
        Assert.True(RespNumber.TryParse(Encoding.ASCII.GetBytes(text), out long number));
        Assert.Equal(expected, number);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("-0")]
    [InlineData("01")]
    [InlineData("+1")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("1x")]
    [InlineData("9223372036854775808")]
    [InlineData("-9223372036854775809")]
    [InlineData("18446744073709551616")]
    [InlineData("99999999999999999999999")]
    public void Are_refused_when_Redis_refuses_them(string text) => Assert.False(RespNumber.TryParse(Encoding.ASCII.GetBytes(text), out _));
}

public sealed class Patterns
{
    [Theory]
    [InlineData("*", "", true)]
    [InlineData("*", "abc", true)]
    [InlineData("a*c", "abbc", true)]
    [InlineData("a*c", "abbd", false)]
    [InlineData("h?llo", "hello", true)]
    [InlineData("h?llo", "hllo", false)]
    [InlineData("h[ae]llo", "hallo", true)]
    [InlineData("h[^e]llo", "hello", false)]
    [InlineData("h[a-b]llo", "hbllo", true)]
    [InlineData("h[b-a]llo", "hallo", true)]
    [InlineData("h\\*llo", "h*llo", true)]
    [InlineData("h\\*llo", "hello", false)]
    [InlineData("user:*:cart", "user:5:cart", true)]
    [InlineData("user:*:cart", "user:5:cars", false)]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("a**b", "ab", true)]
    [InlineData("[abc", "b", true)]
    public void Match_as_in_Redis(string pattern, string text, bool expected) =>
        Assert.Equal(expected, GlobPattern.IsMatch(Encoding.ASCII.GetBytes(pattern), Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void End_soon_whatever_is_matched() =>
        Assert.False(GlobPattern.IsMatch(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("a*", 50)) + "b"), Encoding.ASCII.GetBytes(new string('a', 100_000))));
}
