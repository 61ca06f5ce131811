using System.Text;

namespace Appliance.Tests.Compatibility.Resp;

/// <summary>Random commands on a few keys, well-formed and not, that do not depend on the time at which they are sent.</summary>
internal sealed class RandomCommands(int seed)
{
    /// <summary>Commands and subcommands that Redis 7.0 knows as well, except those whose replies are about the server itself.</summary>
    internal static readonly string[] Names =
    [
        "GET", "SET", "SETNX", "SETEX", "PSETEX", "GETSET", "GETEX", "GETDEL", "MGET", "MSET", "APPEND", "STRLEN", "DEL", "UNLINK", "EXISTS", "TYPE", "EXPIRE",
        "PEXPIRE", "EXPIREAT", "PEXPIREAT", "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "PERSIST", "INCR", "DECR", "INCRBY", "DECRBY", "HSET", "HSETNX", "HGET",
        "HMGET", "HGETALL", "HDEL", "HLEN", "HEXISTS", "HKEYS", "HVALS", "HINCRBY", "HSCAN", "HMSET", "MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "ECHO",
        "PING", "SELECT", "AUTH", "DBSIZE", "CLIENT", "CLIENT GETNAME", "CLIENT SETNAME", "CLIENT NO-EVICT", "CLIENT BOGUS", "COMMAND BOGUS", "CONFIG", "CONFIG GET", "BOGUS",
    ];

    private readonly Random _random = new(seed);

    internal int Next(int below) => _random.Next(below);

    internal byte[][] NextCommand()
    {
        string[] words = Choose();
        if (_random.Next(40) == 0) words = Spoil(words);
        if (_random.Next(10) == 0) words[0] = words[0].ToLowerInvariant();
        return [.. words.Select(Encoding.Latin1.GetBytes)];
    }

    private string[] Choose() => _random.Next(62) switch
    {
        < 5 => ["GET", Key()],
        < 8 => ["SET", Key(), Value()],
        < 11 => ["SET", Key(), Value(), .. SetOptions()],
        11 => ["SETNX", Key(), Value()],
        12 => ["SETEX", Key(), Pick("1000", "0", "-1", "x"), Value()],
        13 => ["PSETEX", Key(), Pick("1000000", "0", "x"), Value()],
        14 => ["GETSET", Key(), Value()],
        15 => ["GETEX", Key(), .. GetOptions()],
        16 => ["GETDEL", Key()],
        17 => ["MGET", Key(), Key(), Key()],
        18 => ["MSET", Key(), Value(), Key(), Value()],
        19 => ["APPEND", Key(), Value()],
        20 => ["STRLEN", Key()],
        21 => ["DEL", Key()],
        22 => [Pick("DEL", "UNLINK", "EXISTS"), Key(), Key(), Key()],
        23 => ["TYPE", Key()],
        < 26 => ["EXPIRE", Key(), Pick("1000", "2000", "0", "-5", "x", "9223372036854775807"), .. Pick<string[]>([], ["NX"], ["XX"], ["BOGUS"])],
        26 => ["PEXPIREAT", Key(), Pick("4000000000000", "4100000000000", "1"), .. ExpireOptions()],
        27 => ["EXPIREAT", Key(), Pick("4000000000", "4100000000", "1"), .. ExpireOptions()],
        28 => ["PERSIST", Key()],
        < 31 => [Pick("INCR", "DECR"), Key()],
        < 33 => [Pick("INCRBY", "DECRBY"), Key(), Number()],
        < 38 => ["HSET", Key(), Field(), Value()],
        < 40 => [Pick("HSET", "HMSET"), Key(), Field(), Value(), Field(), Value()],
        40 => ["HSETNX", Key(), Field(), Value()],
        < 43 => ["HGET", Key(), Field()],
        43 => ["HMGET", Key(), Field(), Field()],
        < 46 => ["HGETALL", Key()],
        46 => ["HDEL", Key(), Field()],
        47 => ["HDEL", Key(), Field(), Field(), Field(), Field()],
        48 => ["HLEN", Key()],
        49 => ["HEXISTS", Key(), Field()],
        50 => [Pick("HKEYS", "HVALS"), Key()],
        51 => ["HINCRBY", Key(), Field(), Number()],
        52 => ["HSCAN", Key(), Pick("0", "x"), .. Pick<string[]>([], ["MATCH", "f[12]"], ["COUNT", "0"], ["COUNT", "100"], ["BOGUS"])],
        < 55 => ["MULTI"],
        < 58 => ["EXEC"],
        58 => [Pick("DISCARD", "UNWATCH")],
        59 => ["WATCH", Key()],
        60 => Pick<string[]>(["PING"], ["PING", Value()], ["ECHO", Value()], ["CLIENT", "SETNAME", "x"], ["CLIENT", "GETNAME"], ["SELECT", Pick("0", "1", "x")]),
        _ => Pick<string[]>(["BOGUS", Value(), Value()], ["EXPIRETIME", "absent"], ["TTL", "absent"], ["AUTH", "x"]),
    };

    private string[] SetOptions() => [.. Enumerable.Range(0, _random.Next(1, 4)).SelectMany(_ => Pick<string[]>(
        ["NX"], ["XX"], ["GET"], ["KEEPTTL"], ["EX", "1000"], ["EX", "0"], ["PX", "x"], ["PX", "9223372036854775807"], ["EXAT", "4000000000"], ["PXAT", "4000000000000"], ["EX"], ["BOGUS"], ["PERSIST"]))];

    private string[] GetOptions() => Pick<string[]>([], ["PERSIST"], ["EX", "1000"], ["EX", "0"], ["PXAT", "1"], ["EXAT", "4000000000"], ["KEEPTTL"], ["EX"], ["PERSIST", "EX", "1"]);

    private string[] ExpireOptions() => Pick<string[]>([], [], ["NX"], ["XX"], ["GT"], ["LT"], ["GT", "XX"], ["NX", "XX"], ["GT", "LT"], ["BOGUS"]);

    private string[] Spoil(string[] words) => _random.Next(3) switch
    {
        0 => words.Length > 1 ? words[..^1] : words,
        1 => [.. words, Value()],
        _ => [.. words.Select(word => _random.Next(words.Length) == 0 ? Value() : word)],
    };

    private string Key() => $"k{_random.Next(8)}";

    private string Field() => $"f{_random.Next(5)}";

    private string Number() => Pick("1", "-1", "10", "9223372036854775807", "-9223372036854775808", "x", "1.5", "");

    // Numbers that land where a time belongs are times that do not come during the test.
    private string Value() => Pick("700000001", "-5", "900000001", "hallo", "", "with blank", "\r\n", "\0\u00ff", "9223372036854775807", new string('v', 100));

    private T Pick<T>(params T[] choices) => choices[_random.Next(choices.Length)];
}
