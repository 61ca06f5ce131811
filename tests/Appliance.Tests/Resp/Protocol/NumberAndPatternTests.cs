using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Tests.Appliance.Resp.Protocol;

public sealed class Numbers_and_patterns
{
    [Theory]
    [InlineData("0", 0L), InlineData("7", 7L), InlineData("-1", -1L), InlineData("9223372036854775807", long.MaxValue), InlineData("-9223372036854775808", long.MinValue)]
    public void An_integer(string text, long expected)
    {
        Assert.True(RespNumber.TryParse(Encoding.ASCII.GetBytes(text), out long number));
        Assert.Equal(expected, number);
        Span<byte> written = stackalloc byte[RespNumber.MaxBytes];
        Assert.Equal(text, Encoding.ASCII.GetString(written[..RespNumber.Format(number, written)]));
    }

    [Theory]
    [InlineData(""), InlineData("-"), InlineData("+1"), InlineData("01"), InlineData("-0"), InlineData("1 "), InlineData("1x"), InlineData("9223372036854775808"),
     InlineData("-9223372036854775809"), InlineData("99999999999999999999"), InlineData("111111111111111111111")]
    public void What_is_no_integer(string text) => Assert.False(RespNumber.TryParse(Encoding.ASCII.GetBytes(text), out _));

    [Theory]
    [InlineData("", 0UL), InlineData("5", 5UL), InlineData("+5", 5UL), InlineData("-1", ulong.MaxValue), InlineData("7\0rest", 7UL), InlineData("\0", 0UL), InlineData("18446744073709551615", ulong.MaxValue)]
    public void A_cursor(string text, ulong expected)
    {
        Assert.True(RespNumber.TryParseCursor(Encoding.ASCII.GetBytes(text), out ulong cursor));
        Assert.Equal(expected, cursor);
    }

    [Theory]
    [InlineData("x"), InlineData("+"), InlineData("5x"), InlineData("18446744073709551616")]
    public void What_is_no_cursor(string text) => Assert.False(RespNumber.TryParseCursor(Encoding.ASCII.GetBytes(text), out _));

    [Theory]
    [InlineData("[", "[", false), InlineData("[a", "a", true), InlineData("[a", "b", false), InlineData("[^", "x", true), InlineData("[^a", "a", false), InlineData("[a-", "-", true),
     InlineData("[\\", "\\", true), InlineData("[\\]]", "]", true), InlineData("[z-a]", "m", true), InlineData("a\\", "a\\", true), InlineData("?", "", false), InlineData("", "", true), InlineData("", "a", false)]
    public void A_set_that_is_not_closed_ends_with_the_pattern_and_an_escape_at_the_end_is_itself(string pattern, string text, bool expected) =>
        Assert.Equal(expected, GlobPattern.IsMatch(Encoding.ASCII.GetBytes(pattern), Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void A_pattern_that_takes_too_long_does_not_match() =>
        Assert.False(GlobPattern.IsMatch(Encoding.ASCII.GetBytes($"*{new string('a', 2000)}b"), Encoding.ASCII.GetBytes(new string('a', 5000))));
}
