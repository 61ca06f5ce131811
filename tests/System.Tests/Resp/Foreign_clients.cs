using Appliance.Listeners.Resp;
using Appliance.Tests.Shared;
using StackExchange.Redis;

namespace Appliance.Tests.Compatibility.Resp;

/// <summary>Clients that nobody here wrote, unmodified.</summary>
public sealed class Foreign_clients
{
    [ProgramFact("redis-cli")]
    public void Redis_cli_sets_and_gets()
    {
        using RespServer server = new();
        string[] port = ["-p", $"{server.Port}"];
        Assert.Equal("OK\n", ForeignProgram.Run("redis-cli", "", [.. port, "SET", "k", "v"]));
        Assert.Equal("v\n", ForeignProgram.Run("redis-cli", "", [.. port, "GET", "k"]));
        Assert.Equal("PONG\n", ForeignProgram.Run("redis-cli", "", [.. port, "PING"]));
        Assert.Equal("OK\nQUEUED\nQUEUED\nOK\n1\n", ForeignProgram.Run("redis-cli", "MULTI\nSET t 0\nINCR t\nEXEC\n", port));
        Assert.Equal("(empty array)\n", ForeignProgram.Run("redis-cli", "", [.. port, "--no-raw", "HGETALL", "h"]));
        Assert.Equal("2\n", ForeignProgram.Run("redis-cli", "", [.. port, "HSET", "h", "a", "1", "b", "2"]));
        Assert.Equal("1# \"a\" => \"1\"\n2# \"b\" => \"2\"\n", ForeignProgram.Run("redis-cli", "", [.. port, "-3", "--no-raw", "HGETALL", "h"]));
    }

    [ProgramFact("redis-cli")]
    public void Redis_cli_loads_many_keys_through_a_pipe_and_scans_them()
    {
        using RespServer server = new();
        string commands = string.Concat(Enumerable.Range(0, 10_000).Select(i => $"SET key:{i} value:{i}\r\n"));
        Assert.Contains("errors: 0, replies: 10000", ForeignProgram.Run("redis-cli", commands, "-p", $"{server.Port}", "--pipe"), StringComparison.Ordinal);
        string[] keys = ForeignProgram.Run("redis-cli", "", "-p", $"{server.Port}", "--scan", "--pattern", "key:99*").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(111, keys.Distinct().Count());
    }

    [ProgramFact("redis-benchmark")]
    public void Redis_benchmark_runs_without_an_error()
    {
        using RespServer server = new();
        string output = ForeignProgram.Run("redis-benchmark", "", "-p", $"{server.Port}", "-n", "5000", "-c", "20", "-P", "8", "-d", "512", "-r", "1000", "--csv", "-t", "ping,set,get,incr,hset,mset");
        Assert.DoesNotContain("rror", output, StringComparison.Ordinal);
        foreach (string test in new[] { "PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "HSET", "MSET" }) Assert.Contains($"\"{test}", output, StringComparison.Ordinal);
        Assert.Contains("requests per second", ForeignProgram.Run("redis-benchmark", "", "-p", $"{server.Port}", "-n", "2000", "-c", "10", "-3", "-q", "-t", "get"), StringComparison.Ordinal);
    }

    [Fact]
    public void StackExchange_keeps_strings_hashes_and_transactions()
    {
        using RespServer server = new(new RespOptions { PasswordDigest = RespOptions.DigestOf("secret") });
        ConfigurationOptions options = ConfigurationOptions.Parse($"127.0.0.1:{server.Port},password=secret,name=cart,connectTimeout=20000,syncTimeout=20000");
        using ConnectionMultiplexer multiplexer = ConnectionMultiplexer.Connect(options);
        IDatabase database = multiplexer.GetDatabase();
        Assert.True(database.StringSet("k", "v", TimeSpan.FromMinutes(1)));
        Assert.Equal("v", database.StringGet("k"));
        Assert.InRange(database.KeyTimeToLive("k")!.Value.TotalSeconds, 1, 60);
        database.HashSet("cart:1", [new("item", "book"), new("count", 2)]);
        Assert.Equal(5, database.HashIncrement("cart:1", "count", 3));
        Assert.Equal(2, database.HashGetAll("cart:1").Length);
        ITransaction transaction = database.CreateTransaction();
        transaction.AddCondition(Condition.StringEqual("k", "v"));
        Task<bool> set = transaction.StringSetAsync("k", "w");
        Assert.True(transaction.Execute());
        Assert.True(set.IsCompletedSuccessfully);
        ITransaction refused = database.CreateTransaction();
        refused.AddCondition(Condition.StringEqual("k", "v"));
        _ = refused.StringSetAsync("k", "x");
        Assert.False(refused.Execute());
        Assert.Equal("w", database.StringGet("k"));
        byte[] binary = [.. Enumerable.Range(0, 100_000).Select(i => (byte)i)];
        database.StringSet("binary", binary);
        Assert.Equal(binary, (byte[]?)database.StringGet("binary"));
        Task<bool>[] pipeline = [.. Enumerable.Range(0, 1000).Select(i => database.StringSetAsync($"p{i}", i))];
        multiplexer.WaitAll(pipeline);
        Assert.Equal(999, (int)database.StringGet("p999"));
        IServer endpoint = multiplexer.GetServer("127.0.0.1", server.Port);
        Assert.False(endpoint.IsSlave);
        Assert.Equal(1003, endpoint.Keys(pageSize: 100).Count());
    }

    [ProgramFact("php")]
    public void PHP_keeps_its_sessions()
    {
        using RespServer server = new(new RespOptions { PasswordDigest = RespOptions.DigestOf("secret") });
        Assert.Equal("1", Php(server, "$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; $_SESSION['cart'] = ['book' => 2]; echo $_SESSION['n'];"));
        Assert.Equal("2", Php(server, "$_SESSION['n']++; echo $_SESSION['n'];"));
        Assert.Equal("2 2", Php(server, "$text = $_SESSION['cart']['book'] . ' ' . $_SESSION['n']; session_destroy(); echo $text;"));
        Assert.Equal("none", Php(server, "echo $_SESSION['n'] ?? 'none';"));
        Assert.True(server.Counters.KeyHits > 0);
    }

    private static string Php(RespServer server, string code) => ForeignProgram.Run("php", "",
        "-d", "session.save_handler=redis", "-d", $"session.save_path=\"tcp://127.0.0.1:{server.Port}?auth=secret\"", "-d", "session.use_cookies=0", "-d", "session.use_only_cookies=0",
        "-d", "session.gc_maxlifetime=600", "-r", $"session_id('abcdef0123456789'); session_start(); {code}");
}
