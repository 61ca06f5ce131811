using System.Net;
using Appliance.TcpStateMirror.Capture;
using Appliance.TcpStateMirror.Packets;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.TcpStateMirror.Packets;

namespace Appliance.Tests.TcpStateMirror.Capture;

/// <summary>Filter expressions mean what they mean to tcpdump.</summary>
public sealed class Filters
{
    private static readonly string[] Expressions =
    [
        "tcp", "ip", "ip6", "host 10.1.2.3", "src host 10.1.2.3", "dst 10.1.2.3", "net 10.1.0.0/16", "net 10.1", "net 10.0.0.0 mask 255.0.0.0", "src net 172.16.0.0/12", "ip6 net 2001:db8::/32", "host 2001:db8::7",
        "port 443", "tcp port 443", "src port 443", "dst port 80 or 443", "portrange 80-443", "src or dst port 8080", "src and dst port 9", "not port 443", "!(port 443 or port 80)", "port 80 or port 443 and host 10.1.2.3",
        "ip6 and port 443", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "tcp[tcpflags] == tcp-ack", "tcp[13] & 2 != 0 and not src net 10.0.0.0/8", "tcp[0:2] > 1024", "tcp[2:2] <= 443", "tcp[tcpflags] & tcp-push = 0", "port http or https",
        "host 10.1.2.3 or 172.16.9.9 or 192.0.2.55", "ip host 10.1.2.3 && tcp dst port 80", "not ip", "tcp[4:4] = 0x3e8",
    ];

    [ProgramFact("tcpdump")]
    public void Agree_with_tcpdump_on_every_expression()
    {
        using var directory = new TemporaryDirectory();
        byte[][] datagrams = [.. MakeDatagrams()];
        string file = directory.File("filters.pcap");
        File.WriteAllBytes(file, CaptureFiles.Pcap(datagrams.Select(Frames.Ethernet)));
        foreach (string expression in Expressions)
        {
            string[] lines = Shell.Run("tcpdump", "-r", file, "-n", "-t", $"tcp and ({(expression.StartsWith("tcp[", StringComparison.Ordinal) ? $"ip and {expression}" : expression)})").Split('\n', StringSplitOptions.RemoveEmptyEntries);
            // tcpdump reads fields of the TCP header in IPv4 only.
            CaptureFilter filter = CaptureFilter.Compile(expression.StartsWith("tcp[", StringComparison.Ordinal) ? $"ip and {expression}" : expression);
            Assert.True(lines.Length == datagrams.Count(datagram => filter.Matches(datagram)), $"'{expression}': tcpdump finds {lines.Length}, here {datagrams.Count(datagram => filter.Matches(datagram))}");
        }
    }

    [Fact]
    public void See_through_extension_headers_and_past_options()
    {
        byte[] plain = Frames.Datagram(Frames.Client6, Frames.Server6, 40000, 443, 1, 1, TcpFlags.Ack)[40..];
        byte[] extended = Frames.IPv6(Frames.Client6, Frames.Server6, 0, [60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 9, .. plain]);
        byte[] later = Frames.IPv6(Frames.Client6, Frames.Server6, 44, [6, 0, 0, 8, 0, 0, 0, 9, .. plain]);
        byte[] options = Frames.IPv4(Frames.Client, Frames.Server, Frames.Datagram(Frames.Client, Frames.Server, 40000, 443, 1, 1, TcpFlags.Ack)[20..], options: [7, 7, 4, 0, 0, 0, 0, 0]);
        CaptureFilter port = CaptureFilter.Compile("port 443"), other = CaptureFilter.Compile("port 444");

        Assert.True(port.Matches(extended) && port.Matches(options));
        Assert.False(other.Matches(extended) || other.Matches(options));
        Assert.False(port.Matches(later) || CaptureFilter.Compile("tcp[0:2] >= 0").Matches(later)); // a later fragment has no ports
        Assert.True(CaptureFilter.Compile("tcp").Matches(later) && CaptureFilter.Everything.Matches(later));
        Assert.False(CaptureFilter.Everything.Matches(Frames.IPv4(Frames.Client, Frames.Server, new byte[8], protocol: 17)));
    }

    [Fact]
    public void Nested_without_end_are_refused_and_end_no_program()
    {
        foreach (string opening in new[] { "(", "not ", "port 1 or " })
        {
            string nested = string.Concat(Enumerable.Repeat(opening, 200_000)) + "port 1";
            Assert.Contains("at most 4096 are taken", Assert.Throws<CaptureException>(() => CaptureFilter.Compile(nested)).Message, StringComparison.Ordinal);
        }
        string allowed = string.Concat(Enumerable.Repeat("(", 2000)) + "port 1" + string.Concat(Enumerable.Repeat(")", 2000));
        Assert.NotNull(CaptureFilter.Compile(allowed));
    }

    [Theory]
    [InlineData("")]
    [InlineData("portrange 443-80")]
    [InlineData("port https")]
    [InlineData("dst and src net 192.0.2.0/24 or port redis or port ssh or port https")]
    [InlineData("tcp[tcpflags] & (tcp-ack|tcp-urg) != 0")]
    [InlineData("net 192.0.2.1 mask 255.255.255.255")]
    [InlineData("net 0.0.0.0 mask 0.0.0.0")]
    public void Match_what_they_say(string expression) =>
        Assert.True(CaptureFilter.Compile(expression).Matches(Frames.Datagram(Frames.Client, Frames.Server, 40000, 443, 1, 1, TcpFlags.Ack)));

    [Fact]
    public void Take_long_lists()
    {
        CaptureFilter filter = CaptureFilter.Compile(string.Join(" or ", Enumerable.Range(1, 150).Select(static port => $"port {port}")));
        Assert.True(filter.Matches(Frames.Datagram(Frames.Client, Frames.Server, 40000, 150, 1, 1, TcpFlags.Ack)));
        Assert.False(filter.Matches(Frames.Datagram(Frames.Client, Frames.Server, 40000, 151, 1, 1, TcpFlags.Ack)));
        Assert.Contains("longer than", Assert.Throws<CaptureException>(static () => CaptureFilter.Compile(string.Join(" or ", Enumerable.Range(1, 1300).Select(static port => $"port {port}")))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("port foo", "'foo' is no port")]
    [InlineData("host www.example.org", "names are not looked up")]
    [InlineData("udp port 53", "names are not looked up")]
    [InlineData("port 80 and", "a port is missing at the end")]
    [InlineData("(port 80", "a ')' is missing")]
    [InlineData("net 10.0.0.0/33", "prefix length")]
    [InlineData("net 10.0.0.0 mask 255.0.255.0", "gaps")]
    [InlineData("port 80)", "not expected")]
    [InlineData("port 80; rm", "a character")]
    [InlineData("tcp[61] = 0", "within the header")]
    [InlineData("tcp[59:2] = 0", "within the header")]
    [InlineData("tcp[0 = 0", "a ']' is missing")]
    [InlineData("tcp[0]", "a comparison is missing before the end")]
    [InlineData("tcp[0] & (1 = 0", "a ')' is missing")]
    [InlineData("tcp[0] = 0xzz", "'0xzz' is no number")]
    [InlineData("tcp[", "'the end' is no number")]
    [InlineData("net 10.0.0.0 mask", "must follow 'mask'")]
    [InlineData("net 10.0.0.0 mask ten", "must follow 'mask'")]
    [InlineData("net 10.0.0.0 mask ::1", "must follow 'mask'")]
    [InlineData("net 2001:db8:: mask 255.0.0.0", "must follow 'mask'")]
    [InlineData("net example", "'example' is no network")]
    [InlineData("host 10.1", "is no address")]
    [InlineData("net 10.0.0.0/8/8", "prefix length")]
    [InlineData("portrange 1-2-3", "no range of ports")]
    [InlineData("port 65536", "is no port")]
    [InlineData("src or dst", "a host is missing at the end")]
    public void Say_what_is_wrong(string expression, string part) => Assert.Contains(part, Assert.Throws<CaptureException>(() => CaptureFilter.Compile(expression)).Message, StringComparison.Ordinal);

    private static IEnumerable<byte[]> MakeDatagrams()
    {
        IPAddress[] four = [.. new[] { "10.1.2.3", "10.200.0.1", "172.16.9.9", "192.0.2.55", "8.8.8.8" }.Select(IPAddress.Parse)], six = [.. new[] { "2001:db8::7", "2001:db9::8", "fe80::1" }.Select(IPAddress.Parse)];
        ushort[] ports = [9, 22, 80, 443, 8080, 40000];
        TcpFlags[] flags = [TcpFlags.Syn, TcpFlags.Syn | TcpFlags.Ack, TcpFlags.Ack, TcpFlags.Ack | TcpFlags.Psh, TcpFlags.Fin | TcpFlags.Ack, TcpFlags.Rst];
        int number = 0;
        foreach (IPAddress[] family in new[] { four, six })
        {
            foreach (IPAddress from in family)
            {
                foreach (IPAddress to in family)
                {
                    foreach (ushort port in ports) yield return Frames.Datagram(from, to, port, ports[number % 5 + 1], number % 7 == 0 ? 1000u : 2000, 1, flags[number++ % flags.Length]);
                }
            }
        }
        yield return Frames.IPv4(four[0], four[1], new byte[20], protocol: 17);
    }
}
