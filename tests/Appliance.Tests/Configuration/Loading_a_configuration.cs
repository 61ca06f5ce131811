using System.Net;
using Appliance.Configuration;
using Appliance.State;

namespace Appliance.Tests.Configuration;

public sealed class Loading_a_configuration
{
    [Fact]
    public void Gives_what_the_file_says_and_defaults_for_the_rest()
    {
        ApplianceConfiguration configuration = ConfigurationText.Load(ConfigurationText.Valid + """

            [class purchase]
            keys = basket:*
            acks = majority
            when-short = accept
            [admin]
            listen = 127.0.0.1:9090 [::1]:9091
            """);

        Assert.Equal("a", configuration.Node.Id);
        Assert.Equal(["a", "b", "c"], configuration.Group.Members.Select(static member => member.Name));
        Assert.Equal(IPAddress.Parse("10.77.0.2"), configuration.Group.AddressOf("b"));
        Assert.Equal(TimeSpan.FromMilliseconds(200), configuration.Group.DeadAfter);
        Assert.Equal(["basket:*"], configuration.ClassOf(RecordClass.Purchase).Keys);
        Assert.Equal(AcknowledgementRule.Majority, configuration.ClassOf(RecordClass.Purchase).Acks);
        Assert.Equal(WhenShort.Accept, configuration.ClassOf(RecordClass.Purchase).WhenShort);
        Assert.Equal(Eviction.Refuse, configuration.ClassOf(RecordClass.Purchase).Evict);
        Assert.Equal([IPEndPoint.Parse("127.0.0.1:9090"), IPEndPoint.Parse("[::1]:9091")], configuration.Admin.Listen);
        Assert.Equal("a", configuration.PrimaryOf(configuration.Services[0]));
    }

    [Theory]
    [InlineData("a=10.0.0.1 b=10.0.0.2 c=10.0.0.3", null)]
    [InlineData("a=fd00::1 b=fd00::2", null)]
    [InlineData("a=10.0.0.1 z=10.0.0.2", "'z' is no member: [group] members names all of them")]
    [InlineData("a=10.0.0.1 b=10.77.0.2", "'b=10.77.0.2' is an address of [group] members: a second path needs a network of its own")]
    [InlineData("a=10.0.0.1 b=fd00::2", "mixes IPv4 and IPv6: its heartbeats go from one socket")]
    [InlineData("a=10.0.0.1 a=10.0.0.2", "names 'a' twice")]
    [InlineData("a=10.0.0.1 b=10.0.0.1", "gives 10.0.0.1 to two members")]
    [InlineData("a=10.0.0.1 b=10.0.0.10", "'b=10.0.0.10' is an address of [service shop], which moves: name the node's own")]
    public void Judges_the_second_path(string ends, string? problem)
    {
        string text = ConfigurationText.Valid.Replace("[service shop]", $"second-path = {ends}\n[service shop]", StringComparison.Ordinal);
        if (problem is null) Assert.Equal(ends, string.Join(' ', ConfigurationText.Load(text).Group.SecondPath));
        else Assert.Equal([$"test.conf:5: [group] second-path: {problem}"], ConfigurationText.Problems(text));
    }

    [Theory]
    [InlineData("address-mode = hook\naddress-command = /usr/bin/move eth0", null)]
    [InlineData("address-mode = hook", "address-command: is empty: 'address-mode = hook' needs the program that brings an address here")]
    [InlineData("address-command = /usr/bin/move", "address-command: is run with 'address-mode = hook' only, this is 'arp'")]
    public void Judges_address_commands(string settings, string? problem)
    {
        string text = ConfigurationText.Valid.Replace("[listener state]", $"{settings}\n[listener state]", StringComparison.Ordinal);
        if (problem is null) Assert.Equal(["/usr/bin/move", "eth0"], ConfigurationText.Load(text).Services[0].AddressCommand.Words);
        else Assert.EndsWith($"[service shop] {problem}", Assert.Single(ConfigurationText.Problems(text)));
    }

    [Fact]
    public void Reports_every_mistake_at_once_in_the_order_of_the_lines()
    {
        string[] problems = ConfigurationText.Problems("""
            port = 1
            [node]
            id = a
            id = b
            memory-limit = 1GB
            [gruop]
            lost = 1
            [group]
            members = a=10.77.0.1 b
            heartbeet = 20ms
            dead-after = 30ms
            nonsense
            [service shop]
            primary = z
            [listener state]
            service = shopp
            type = rezp
            [listener]
            [node]
            """);

        Assert.Equal(
        [
            "test.conf:1: 'port' stands before the first section",
            "test.conf:4: 'id' is set a second time; the first is in line 3",
            "test.conf:5: [node] memory-limit: '1GB' is not a size with its unit (B, KiB, MiB, GiB), for example 64MiB",
            "test.conf:6: there is no section [gruop]; did you mean 'group'?",
            "test.conf:9: [group] members: 'b' is not NAME=ADDRESS, for example a=10.77.0.1",
            "test.conf:10: [group] has no key 'heartbeet'; did you mean 'heartbeat'?",
            "test.conf:11: [group] dead-after: 30ms must be at least three heartbeats (20ms each): one lost datagram must not look like a death",
            "test.conf:12: 'nonsense' is neither a [section], a 'key = value' nor a comment (; or #)",
            "test.conf:16: [listener state] service: there is no [service shopp]; did you mean 'shop'?",
            "test.conf:17: [listener state] type: 'rezp' is none of resp, relay, tls; did you mean 'resp'?",
            "test.conf:18: [listener] needs a name: [listener NAME]",
            "test.conf:19: section [node] stands here a second time; the first is in line 2",
        ], problems.Where(static problem => !problem.Contains("reorder-delay", StringComparison.Ordinal) && !problem.Contains("lease", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("[group]\nlease = 200ms", "lease: 200ms must be shorter than dead-after (200ms)")]
    [InlineData("[group]\nlease = 197ms", "lease: 197ms must be shorter than dead-after (200ms)")] // the drift of two clocks counts
    [InlineData("[group]\nlease = 40ms", "lease: 40ms must be longer than two heartbeats")]
    [InlineData("[group]\naddress = 10.0.0.1", "address: 10.0.0.1 is no IPv4 multicast address")]
    [InlineData("[group]\nheartbeat-port = 7770", "heartbeat-port: 7770 is the group's port")]
    [InlineData("[group]\nkey-file = group.key", "key-file: 'group.key' must be an absolute path")]
    [InlineData("[group]\nmax-value = 8MiB\nwindow = 8MiB", "max-value: 8MiB must be at most a quarter of window")]
    [InlineData("[group]\nmembers = a=10.0.0.1 a=10.0.0.2", "members: names 'a' twice")]
    [InlineData("[group]\nmembers = a=10.0.0.1 b=10.0.0.1", "members: gives 10.0.0.1 to two members")]
    [InlineData("[group]\nmembers = a=10.0.0.1 b=10.0.0", "members: 'b=10.0.0' is not NAME=ADDRESS")]
    [InlineData("[node]\nid = d", "id: 'd' is no member of the group")]
    [InlineData("[node]\nstate-directory = state", "state-directory: 'state' must be an absolute path")]
    [InlineData("[node]\nmemory-limit = 100MiB", "memory-limit: 100MiB must be at least twice group.window")]
    [InlineData("[service shop]\nprimary = d", "primary: 'd' is no member of the group")]
    [InlineData("[service two]\naddresses = 10.0.0.10", "addresses: 10.0.0.10 belongs to [service shop] already")]
    [InlineData("[service Two]", "'Two' is no service name")]
    [InlineData("[service bare]\n[listener b]\nservice = bare", "bind: 'service' needs addresses")]
    [InlineData("[listener b]\nservice = shop", "port: 6379 is taken at the same address by [listener state]")]
    [InlineData("[listener b]", "service: is missing")]
    [InlineData("[class purchase]\nacks = 3", "acks: 3 others can never acknowledge")]
    [InlineData("[class application]\nkeys = x:*", "keys: application takes every key that no other class names")]
    [InlineData("[class segment]\nkeys = cart:*", "keys: 'cart:*' belongs to [class segment] already")]
    [InlineData("[class wares]", "'wares' is none of application, credential, segment, purchase")]
    [InlineData("[backend web]\nservers = 10.0.0.1", "servers: '10.0.0.1' is not address:port")]
    [InlineData("[backend web]\nservers = 10.0.0.1:80*0", "servers: '10.0.0.1:80*0' is not address:port, with a weight from 1 to 256")]
    [InlineData("[backend web]\nservers = 10.0.0.1:80 10.0.0.1:80*2", "servers: names 10.0.0.1:80 twice")]
    [InlineData("[backend web]\ncheck = ping", "check: 'ping' is not a check: none, tcp, http /path, or command")]
    [InlineData("[backend web]\ncheck = http healthz", "check: 'http healthz' is not a check")]
    [InlineData("[backend web]\ncheck = command check.sh", "check: 'command check.sh' is not a check")]
    [InlineData("[backend web]\ncheck = tcp 10.0.0.1:80", "check: 'tcp 10.0.0.1:80': the servers of a pool are checked at their own addresses")]
    [InlineData("[backend web]\ninterval = 500ms", "timeout: 1s must be from 10ms to interval (500ms)")]
    [InlineData("[backend web]\nfall = 0", "fall: 0 must be from 1 to 1000")]
    [InlineData("[listener b]\ntype = relay", "backend: is missing: name the [backend]")]
    [InlineData("[listener b]\ntype = relay\nbackend = web", "backend: there is no [backend web]")]
    [InlineData("[listener b]\nbackend = web", "backend: only relay and tls pass connections on: this is a resp listener")]
    [InlineData("[listener b]\ntype = relay\nmax-clients = 1000000", "client-memory: 256MiB must be at least")]
    [InlineData("[listener b]\ntrust-proxy = 10.0.0.0/40", "trust-proxy: '10.0.0.0/40' is not a network or an address")]
    [InlineData("[admin]\nsocket = admin.sock", "socket: 'admin.sock' must be an absolute path")]
    [InlineData("[admin]\nlisten = localhost:1", "listen: 'localhost:1' is not address:port")]
    public void Refuses(string change, string message)
    {
        Assert.Contains(ConfigurationText.Problems(Merge(ConfigurationText.Valid, change)), problem => problem.Contains(message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("50us", 500)]
    [InlineData("20ms", 200_000)]
    [InlineData("1.5s", 15_000_000)]
    [InlineData("2min", 1_200_000_000)]
    [InlineData("1 h", 36_000_000_000)]
    [InlineData("0", 0)]
    public void Reads_times(string text, long ticks)
    {
        Assert.True(Duration.TryParse(text, out TimeSpan span));
        Assert.Equal(ticks, span.Ticks);
        Assert.True(Duration.TryParse(Duration.Format(span), out TimeSpan again));
        Assert.Equal(span, again);
    }

    [Theory]
    [InlineData("20"), InlineData("ms"), InlineData("-1ms"), InlineData("1e3ms"), InlineData("99999999999999999d"), InlineData("1,5s")]
    public void Refuses_times(string text) => Assert.False(Duration.TryParse(text, out _));

    [Theory]
    [InlineData("64MiB", 64L << 20)]
    [InlineData("1 KiB", 1024)]
    [InlineData("7B", 7)]
    [InlineData("0", 0)]
    public void Reads_sizes(string text, long bytes)
    {
        Assert.True(ByteSize.TryParse(text, out ByteSize size));
        Assert.Equal(bytes, size.Bytes);
        Assert.True(ByteSize.TryParse(size.ToString(), out ByteSize again));
        Assert.Equal(size, again);
    }

    [Theory]
    [InlineData("64"), InlineData("64MB"), InlineData("-1B"), InlineData("1.5GiB"), InlineData("9999999999999GiB"), InlineData("MiB")]
    public void Refuses_sizes(string text) => Assert.False(ByteSize.TryParse(text, out _));

    /// <summary>Puts the settings of one text into the sections of another.</summary>
    private static string Merge(string text, string change)
    {
        var lines = text.Split('\n').Select(static line => line.Trim()).ToList();
        int at = lines.Count;
        foreach (string line in change.Split('\n'))
        {
            if (line.StartsWith('['))
            {
                int known = lines.IndexOf(line);
                if (known < 0) lines.Add(line);
                at = known < 0 ? lines.Count : known + 1;
                continue;
            }
            string key = line[..line.IndexOf('=')];
            int end = lines.FindIndex(at, static next => next.StartsWith('['));
            int same = lines.FindIndex(at, (end < 0 ? lines.Count : end) - at, other => other.StartsWith(key, StringComparison.Ordinal));
            if (same >= 0) lines[same] = line;
            else lines.Insert(at, line);
        }
        return string.Join('\n', lines);
    }
}
