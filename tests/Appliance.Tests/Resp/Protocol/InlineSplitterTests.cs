using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Tests.Appliance.Resp.Protocol;

public sealed class Inline_words
{
    [Theory]
    [InlineData("PING", "PING"), InlineData("  SET  k\tv  ", "SET|k|v"), InlineData("PING\0rest", "PING"), InlineData("\"\\a\\b\\t\\r\\q\\x41\\xZZ\"", "\a\b\t\rqAxZZ"), InlineData("'a\\'b' c", "a'b|c"), InlineData("\"a\"\0x", "a")]
    public void Are_split_as_Redis_splits_them(string line, string expected)
    {
        Assert.Equal(RespParseStatus.Complete, Split(line, 8, out string words));
        Assert.Equal(expected, words);
    }

    [Theory]
    [InlineData("\"open"), InlineData("'open"), InlineData("\"a\"b"), InlineData("'a'b"), InlineData("\"a\\")]
    public void With_quotes_that_do_not_close_are_refused(string line) => Assert.Equal(RespParseStatus.UnbalancedQuotes, Split(line, 8, out _));

    [Fact]
    public void Beyond_their_limit_are_refused() => Assert.Equal(RespParseStatus.InvalidMultibulkLength, Split("a b c", 2, out _));

    private static RespParseStatus Split(string line, int limit, out string words)
    {
        byte[] scratch = new byte[line.Length];
        var ranges = new RespArgument[limit];
        RespParseStatus status = InlineSplitter.TrySplit(Encoding.Latin1.GetBytes(line), ranges, scratch, out int count);
        words = string.Join('|', ranges.Take(count).Select(range => Encoding.Latin1.GetString(scratch, range.Start, range.Length)));
        return status;
    }
}
