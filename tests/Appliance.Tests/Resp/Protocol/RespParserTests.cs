using System.Text;
using Appliance.Listeners.Resp.Protocol;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.Resp.Protocol;

public sealed class The_parser
{
    private static readonly RespParserLimits Limits = new() { MaxArguments = 64, MaxArgumentBytes = 4096, MaxCommandBytes = 16384, MaxInlineBytes = 1024 };

    private static readonly string[] Commands =
    [
        "*1\r\n$4\r\nPING\r\n",
        "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n",
        "*5\r\n$4\r\nMSET\r\n$2\r\nk1\r\n$12\r\nhello, world\r\n$2\r\nk2\r\n$10\r\n*1\r\n$1\r\nx\0\r\n",
        "PING\r\n",
        "set k \"a b\\x00\\n\" 'c d'\n",
        "*0\r\n",
        "*-1\r\n",
        "\r\n",
    ];

    private static readonly byte[] Stream = Encoding.Latin1.GetBytes(string.Concat(Commands));

    [Fact]
    public void Finds_each_command_of_a_stream()
    {
        Assert.Equal(
            ["PING", "GET|k", "SET||\r\n\r\n", "MSET|k1|hello, world|k2|*1\r\n$1\r\nx\0", "PING", "set|k|a b\0\n|c d", "", "", ""],
            ParseAll([Stream]));
    }

    [Fact]
    public void Consumes_nothing_of_any_prefix_of_a_command()
    {
        foreach (string command in Commands)
        {
            byte[] whole = Encoding.Latin1.GetBytes(command);
            for (int length = 0; length < whole.Length; length++)
            {
                RespProgress progress = default;
                RespParseStatus status = Parse(whole.AsSpan(0, length), ref progress, out RespFrame frame, out _);
                Assert.Equal(RespParseStatus.Incomplete, status);
                Assert.Equal(0, frame.ConsumedBytes);
                Assert.True(progress.NeededBytes <= whole.Length, $"'{command}' cut at {length} asks for {progress.NeededBytes} bytes");
            }
        }
    }

    [Fact]
    public void Finds_the_same_commands_however_the_stream_is_split()
    {
        List<string> whole = ParseAll([Stream]);
        for (int first = 0; first <= Stream.Length; first++)
        {
            for (int second = first; second <= Stream.Length; second += 7)
                Assert.Equal(whole, ParseAll([Stream[..first], Stream[first..second], Stream[second..]]));
        }
        Assert.Equal(whole, ParseAll([.. Stream.Select(one => new[] { one })]));
    }

    [Theory]
    [InlineData("*65\r\n", nameof(RespParseStatus.InvalidMultibulkLength))]
    [InlineData("*x\r\n", nameof(RespParseStatus.InvalidMultibulkLength))]
    [InlineData("*\r\n", nameof(RespParseStatus.InvalidMultibulkLength))]
    [InlineData("*+1\r\n", nameof(RespParseStatus.InvalidMultibulkLength))]
    [InlineData("*01\r\n", nameof(RespParseStatus.InvalidMultibulkLength))]
    [InlineData("*1\rx", nameof(RespParseStatus.InvalidMultibulkLength))]
    [InlineData("*99999999999999999999\r\n", nameof(RespParseStatus.InvalidMultibulkLength))]
    [InlineData("*11111111111111111111111111111111111", nameof(RespParseStatus.CountLineTooLong))]
    [InlineData("*1\r\nGET\r\n", nameof(RespParseStatus.ExpectedDollar))]
    [InlineData("*1\r\n$-1\r\n", nameof(RespParseStatus.InvalidBulkLength))]
    [InlineData("*1\r\n$x\r\n", nameof(RespParseStatus.InvalidBulkLength))]
    [InlineData("*1\r\n$4097\r\n", nameof(RespParseStatus.InvalidBulkLength))]
    [InlineData("*1\r\n$11111111111111111111111111111111111", nameof(RespParseStatus.LengthLineTooLong))]
    [InlineData("*1\r\n$1\r\nxyz", nameof(RespParseStatus.MissingTerminator))]
    [InlineData("GET \"a\r\n", nameof(RespParseStatus.UnbalancedQuotes))]
    [InlineData("GET \"a\"b\r\n", nameof(RespParseStatus.UnbalancedQuotes))]
    [InlineData("GET 'a\r\n", nameof(RespParseStatus.UnbalancedQuotes))]
    public void Names_what_is_wrong(string input, string expected)
    {
        RespProgress progress = default;
        Assert.Equal(expected, Parse(Encoding.Latin1.GetBytes(input), ref progress, out _, out _).ToString());
    }

    [Fact]
    public void Refuses_a_command_before_it_is_received_when_it_is_too_large()
    {
        RespProgress progress = default;
        StringBuilder command = new("*6\r\n");
        for (int i = 0; i < 4; i++) command.Append("$4000\r\n").Append('x', 4000).Append("\r\n");
        command.Append("$4000\r\n");
        Assert.Equal(RespParseStatus.CommandTooLarge, Parse(Encoding.Latin1.GetBytes(command.ToString()), ref progress, out _, out _));
        progress = default;
        Assert.Equal(RespParseStatus.InlineTooLong, Parse(Encoding.Latin1.GetBytes(new string('x', 1025)), ref progress, out _, out _));
    }

    [Fact]
    public void Grants_strangers_little()
    {
        RespParserLimits strangers = Limits.BeforeAuthentication with { MaxArgumentBytes = 16 };
        RespProgress progress = default;
        Assert.Equal(RespParseStatus.UnauthenticatedMultibulkLength,
            RespParser.TryParse("*11\r\n"u8, strangers, ref progress, new RespArgument[64], new byte[1024], out _));
        Assert.Equal(RespParseStatus.UnauthenticatedBulkLength,
            RespParser.TryParse("*1\r\n$17\r\n"u8, strangers, ref progress, new RespArgument[64], new byte[1024], out _));
    }

    [Fact]
    public void Reads_a_long_command_in_many_pieces_once()
    {
        StringBuilder command = new("*60\r\n");
        for (int i = 0; i < 60; i++) command.Append("$100\r\n").Append('x', 100).Append("\r\n");
        byte[] whole = Encoding.Latin1.GetBytes(command.ToString());
        RespProgress progress = default;
        int last = 0;
        for (int length = 1; length < whole.Length; length++)
        {
            Assert.Equal(RespParseStatus.Incomplete, Parse(whole.AsSpan(0, length), ref progress, out _, out _));
            Assert.True(progress.CheckedBytes >= last, "what was checked is not checked again");
            last = progress.CheckedBytes;
        }
        Assert.True(last > whole.Length - 120);
        Assert.Equal(RespParseStatus.Complete, Parse(whole, ref progress, out RespFrame frame, out _));
        Assert.Equal(60, frame.ArgumentCount);
    }

    [Fact]
    [Trait("Rule", "Must hold 8")]
    public void Takes_any_bytes()
    {
        Random random = new(1);
        int count = TestCounts.Of("parser.mutations");
        int complete = 0, refused = 0;
        for (int i = 0; i < count; i++)
        {
            byte[] input = Mutate(random);
            int cut = random.Next(input.Length + 1);
            List<string> whole = [], pieces = [];
            RespParseStatus one = ParseUntilRefused([input], whole);
            RespParseStatus two = ParseUntilRefused([input[..cut], input[cut..]], pieces);
            Assert.True(one == two && whole.SequenceEqual(pieces), $"input {Convert.ToHexString(input)} cut at {cut}: {one} and {two}");
            complete += whole.Count;
            if (one > RespParseStatus.Incomplete) refused++;
        }
        Assert.True(complete > count / 10 && refused > count / 10, $"{complete} commands, {refused} refusals: the mutations test too little");
        TestCounts.Reached("parser.mutations (RESP)", count);
    }

    private static byte[] Mutate(Random random)
    {
        StringBuilder text = new();
        for (int i = random.Next(1, 4); i > 0; i--) text.Append(Commands[random.Next(Commands.Length)]);
        byte[] input = Encoding.Latin1.GetBytes(text.ToString());
        for (int i = random.Next(4); i > 0; i--)
        {
            int at = random.Next(input.Length);
            switch (random.Next(4))
            {
                case 0: input[at] = (byte)random.Next(256); break;
                case 1: input[at] = (byte)"*$\r\n-0129'\"\\x "[random.Next(14)]; break;
                case 2: input = [.. input[..at], .. input[Math.Min(input.Length, at + random.Next(1, 5))..], (byte)'\n']; break;
                default: input = [.. input[..at], .. input[random.Next(input.Length)..], .. input[at..]]; break;
            }
        }
        return input;
    }

    private static List<string> ParseAll(byte[][] pieces)
    {
        List<string> found = [];
        Assert.Equal(RespParseStatus.Incomplete, ParseUntilRefused(pieces, found));
        return found;
    }

    private static RespParseStatus ParseUntilRefused(byte[][] pieces, List<string> found)
    {
        byte[] buffer = [];
        RespProgress progress = default;
        RespParseStatus status = RespParseStatus.Incomplete;
        foreach (byte[] piece in pieces)
        {
            buffer = [.. buffer, .. piece];
            while (true)
            {
                status = Parse(buffer, ref progress, out RespFrame frame, out string text);
                if (status != RespParseStatus.Complete) break;
                Assert.InRange(frame.ConsumedBytes, 1, buffer.Length);
                found.Add(text);
                buffer = buffer[frame.ConsumedBytes..];
            }
            if (status != RespParseStatus.Incomplete) return status;
        }
        return status;
    }

    private static RespParseStatus Parse(ReadOnlySpan<byte> input, ref RespProgress progress, out RespFrame frame, out string text)
    {
        RespArgument[] arguments = new RespArgument[Limits.MaxArguments];
        byte[] scratch = new byte[Limits.MaxInlineBytes];
        RespParseStatus status = RespParser.TryParse(input, Limits, ref progress, arguments, scratch, out frame);
        text = "";
        if (status != RespParseStatus.Complete) return status;
        RespArguments found = new(frame.IsInline ? scratch : input, arguments.AsSpan(0, frame.ArgumentCount));
        for (int i = 0; i < found.Count; i++) text += (i == 0 ? "" : "|") + Encoding.Latin1.GetString(found[i]);
        return status;
    }
}
