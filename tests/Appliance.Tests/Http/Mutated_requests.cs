using System.Text;
using Appliance.Listeners.Http;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Http;

/// <summary>Whatever clients say and in whatever pieces it comes: the server gets requests that this side would understand in the same way, with what this side says in each.</summary>
public sealed class Mutated_requests
{
    private const int Seed = 20261122;

    private static readonly string[] Seeds =
    [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n",
        "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close, X-Forwarded-For\r\n\r\n5;e=1\r\nGET /\r\n0\r\nX-Forwarded-For: b\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        "PUT /d HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello worldGET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
        "\r\nDELETE /e HTTP/1.1\r\nhost:a\r\nForwarded: for=x\r\nContent-Length:0\r\n\r\nOPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
    ];

    private static readonly string[] Pieces =
    [
        "\r\n", "\r", "\n", "\0", " ", "\t", ":", ";", "0", "1", "f", "\r\n\r\n", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: \tchunked \r\n", "X-Forwarded-For: z\r\n", "X_Forwarded_For: z\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "0\r\n\r\n", "Connection: x-forwarded-for\r\n", "HTTP/1.0", "Host: b\r\n", "\u00e4",
    ];

    [Fact]
    public void Are_refused_or_read_alike_by_both_sides()
    {
        int count = TestCounts.Of("http.request-mutations");
        var random = new Random(Seed);
        for (int i = 0; i < count; i++)
        {
            byte[] said = Mutate(random);
            using var whole = new Requests();
            string passed = whole.Pass(said);

            Assert.True(Split(said, random, out HttpRefusal refusal) == passed && refusal == whole.Front.Refusal, $"mutation {i}: in pieces it is another");
            using var again = new Requests();
            Assert.True(again.Pass(passed) == passed && again.Counters.Requests == whole.Counters.Requests, $"mutation {i}: the server would see other requests in {Text(said)}");
        }
        TestCounts.Reached("http.request-mutations", count);
    }

    private static string Split(byte[] said, Random random, out HttpRefusal refusal)
    {
        using var requests = new Requests();
        var passed = new StringBuilder();
        for (int at = 0; at < said.Length;)
        {
            int part = Math.Min(said.Length - at, 1 + random.Next(random.Next(2) == 0 ? 3 : 60));
            passed.Append(requests.Pass(said.AsSpan(at, part).ToArray(), maxBytes: 1024));
            at += part;
        }
        refusal = requests.Front.Refusal;
        return passed.ToString();
    }

    private static byte[] Mutate(Random random)
    {
        var text = new StringBuilder(Seeds[random.Next(Seeds.Length)]);
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            int at = random.Next(text.Length);
            switch (random.Next(4))
            {
                case 0:
                    text.Insert(at, Pieces[random.Next(Pieces.Length)]);
                    break;
                case 1:
                    text.Remove(at, Math.Min(random.Next(1, 5), text.Length - at));
                    break;
                case 2:
                    text[at] = (char)random.Next(256);
                    break;
                default:
                    text.Insert(at, text.ToString(at, Math.Min(random.Next(1, 40), text.Length - at)));
                    break;
            }
            if (text.Length == 0) text.Append('x');
        }
        return Encoding.Latin1.GetBytes(text.ToString());
    }

    private static string Text(byte[] said) => Encoding.Latin1.GetString(said).Replace("\r", "\\r", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
