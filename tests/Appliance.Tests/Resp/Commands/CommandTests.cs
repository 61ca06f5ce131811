using System.Text;

namespace Appliance.Tests.Appliance.Resp.Commands;

/// <summary>Tables of commands and replies; each script starts with an empty store. '&gt;' a command, then its reply with CR LF written as a blank bar.</summary>
public sealed class Commands_answer_as_Redis_does
{
    public static TheoryData<string, string> Scripts => new()
    {
        { "strings", """
            > GET k = $-1|
            > SET k v = +OK|
            > GET k = $1|v|
            > set k w GET = $1|v|
            > SET k x NX = $-1|
            > SET k x XX = +OK|
            > SET n x XX = $-1|
            > SET n x NX GET = $-1|
            > SET n y NX GET = $1|x|
            > SET k v EX 0 = -ERR invalid expire time in 'set' command|
            > SET k v EX x = -ERR value is not an integer or out of range|
            > SET k v EX = -ERR syntax error|
            > SET k v EX 1 PX 1 = -ERR syntax error|
            > SET k v EX 1 KEEPTTL = -ERR syntax error|
            > SET k v NX XX = -ERR syntax error|
            > SET k v BOGUS = -ERR syntax error|
            > SET k v PX 9223372036854775807 = -ERR invalid expire time in 'set' command|
            > SETNX k z = :0|
            > SETNX m z = :1|
            > SETEX k 0 v = -ERR invalid expire time in 'setex' command|
            > SETEX k 10 v = +OK|
            > PSETEX k -1 v = -ERR invalid expire time in 'psetex' command|
            > PSETEX k 10000 v = +OK|
            > GETSET k u = $1|v|
            > TTL k = :-1|
            > GETDEL k = $1|u|
            > GETDEL k = $-1|
            > APPEND k ab = :2|
            > APPEND k cd = :4|
            > STRLEN k = :4|
            > STRLEN absent = :0|
            > MSET a 1 b 2 = +OK|
            > MSET a 1 b = -ERR wrong number of arguments for 'mset' command|
            > MGET a absent b = *3|$1|1|$-1|$1|2|
            """ },
        { "getex", """
            > SET k v = +OK|
            > GETEX k = $1|v|
            > GETEX k EX 10 = $1|v|
            > TTL k = :10|
            > GETEX k PERSIST = $1|v|
            > TTL k = :-1|
            > GETEX k PERSIST EX 1 = -ERR syntax error|
            > GETEX k EX 0 = -ERR invalid expire time in 'getex' command|
            > GETEX absent EX 0 = $-1|
            > GETEX k PXAT 1 = $1|v|
            > EXISTS k = :0|
            """ },
        { "counters", """
            > INCR n = :1|
            > INCRBY n 10 = :11|
            > DECR n = :10|
            > DECRBY n 20 = :-10|
            > GET n = $3|-10|
            > SET n abc = +OK|
            > INCR n = -ERR value is not an integer or out of range|
            > SET n 9223372036854775807 EX 100 = +OK|
            > INCR n = -ERR increment or decrement would overflow|
            > DECR n = :9223372036854775806|
            > TTL n = :100|
            > DECRBY n -9223372036854775808 = -ERR decrement would overflow|
            > INCRBY n 1.5 = -ERR value is not an integer or out of range|
            """ },
        { "keys", """
            > MSET a 1 b 2 c 3 = +OK|
            > EXISTS a b absent a = :3|
            > DEL a absent b = :2|
            > UNLINK c = :1|
            > DBSIZE = :0|
            > SET k v = +OK|
            > TYPE k = +string|
            > HSET h f v = :1|
            > TYPE h = +hash|
            > TYPE absent = +none|
            > DEL h = :1|
            > SCAN 0 = *2|$1|0|*1|$1|k|
            > SCAN 0 MATCH x* = *2|$1|0|*0|
            > SCAN 0 TYPE hash = *2|$1|0|*0|
            > SCAN 0 TYPE STRING COUNT 5 = *2|$1|0|*1|$1|k|
            > SCAN x = -ERR invalid cursor|
            > SCAN 0 COUNT 0 = -ERR syntax error|
            > SCAN 0 COUNT x = -ERR value is not an integer or out of range|
            > SCAN 0 MATCH = -ERR syntax error|
            """ },
        { "expiry", """
            > EXPIRE k 10 = :0|
            > SET k v = +OK|
            > TTL k = :-1|
            > TTL absent = :-2|
            > EXPIRE k 10 XX = :0|
            > EXPIRE k 10 GT = :0|
            > EXPIRE k 10 NX = :1|
            > PTTL k = :10000|
            > EXPIRE k 20 NX = :0|
            > EXPIRE k 5 GT = :0|
            > EXPIRE k 20 GT = :1|
            > EXPIRE k 30 LT = :0|
            > PEXPIRE k 15000 LT = :1|
            > EXPIRETIME k = :1700000015|
            > PEXPIRETIME k = :1700000015000|
            > EXPIRE k 10 NX XX = -ERR NX and XX, GT or LT options at the same time are not compatible|
            > EXPIRE k 10 GT LT = -ERR GT and LT options at the same time are not compatible|
            > EXPIRE k 10 FOO = -ERR Unsupported option FOO|
            > EXPIRE k x = -ERR value is not an integer or out of range|
            > EXPIRE k 9223372036854775807 = -ERR invalid expire time in 'expire' command|
            > PERSIST k = :1|
            > PERSIST k = :0|
            > EXPIREAT k 1700000100 = :1|
            > TTL k = :100|
            > PEXPIREAT k 1 = :1|
            > EXISTS k = :0|
            > SET k v PX 1 = +OK|
            > SET k w KEEPTTL = +OK|
            > PTTL k = :1|
            > EXPIRE k -1 = :1|
            > GET k = $-1|
            """ },
        { "hashes", """
            > HSET h a 1 b 2 = :2|
            > HSET h a 3 c 4 = :1|
            > HMSET h d 5 = +OK|
            > HSET h a = -ERR wrong number of arguments for 'hset' command|
            > HSET h a 1 b = -ERR wrong number of arguments for 'hset' command|
            > HMSET h a 1 b = -ERR wrong number of arguments for 'hmset' command|
            > HGET h a = $1|3|
            > HGET h absent = $-1|
            > HGET absent a = $-1|
            > HMGET h a absent d = *3|$1|3|$-1|$1|5|
            > HMGET absent a = *1|$-1|
            > HLEN h = :4|
            > HEXISTS h a = :1|
            > HEXISTS h x = :0|
            > HSETNX h a 9 = :0|
            > HSETNX h e 9 = :1|
            > HDEL h b c d e x = :4|
            > HGETALL h = *2|$1|a|$1|3|
            > HKEYS h = *1|$1|a|
            > HVALS h = *1|$1|3|
            > HGETALL absent = *0|
            > HINCRBY h a 4 = :7|
            > HINCRBY h n -4 = :-4|
            > HSET h t x = :1|
            > HINCRBY h t 1 = -ERR hash value is not an integer|
            > HINCRBY h a x = -ERR value is not an integer or out of range|
            > HDEL h n t = :2|
            > HSCAN h 0 = *2|$1|0|*2|$1|a|$1|7|
            > HSCAN h 0 MATCH b* COUNT 5 = *2|$1|0|*0|
            > HSCAN absent 0 = *2|$1|0|*0|
            > HSCAN h x = -ERR invalid cursor|
            > HDEL h a = :1|
            > EXISTS h = :0|
            > HLEN h = :0|
            """ },
        { "wrong types", """
            > SET s v = +OK|
            > HSET h f v = :1|
            > GET h = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > SET h v GET = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > GETSET h v = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > GETEX h = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > GETDEL h = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > APPEND h v = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > STRLEN h = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > INCR h = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > MGET h = *1|$-1|
            > HSET s f v = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > HGET s f = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > HGETALL s = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > HDEL s f = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > HSCAN s 0 = -WRONGTYPE Operation against a key holding the wrong kind of value|
            > SET h v = +OK|
            > GET h = $1|v|
            """ },
        { "transactions", """
            > EXEC = -ERR EXEC without MULTI|
            > DISCARD = -ERR DISCARD without MULTI|
            > MULTI = +OK|
            > MULTI = -ERR MULTI calls can not be nested|
            > WATCH k = -ERR WATCH inside MULTI is not allowed|
            > SET k 1 = +QUEUED|
            > INCR k = +QUEUED|
            > GET k = +QUEUED|
            > HGET k f = +QUEUED|
            > EXEC = *4|+OK|:2|$1|2|-WRONGTYPE Operation against a key holding the wrong kind of value|
            > MULTI = +OK|
            > BOGUS = -ERR unknown command 'BOGUS', with args beginning with: |
            > GET = -ERR wrong number of arguments for 'get' command|
            > SET k 9 = +QUEUED|
            > EXEC = -EXECABORT Transaction discarded because of previous errors.|
            > GET k = $1|2|
            > MULTI = +OK|
            > SET k 3 = +QUEUED|
            > DISCARD = +OK|
            > GET k = $1|2|
            > WATCH k = +OK|
            > SET k 5 = +OK|
            > MULTI = +OK|
            > SET k 6 = +QUEUED|
            > EXEC = *-1|
            > WATCH k = +OK|
            > UNWATCH = +OK|
            > SET k 7 = +OK|
            > MULTI = +OK|
            > EXEC = *0|
            > WATCH absent = +OK|
            > SET absent 1 = +OK|
            > DEL absent = :1|
            > MULTI = +OK|
            > PING = +QUEUED|
            > EXEC = *-1|
            > WATCH absent = +OK|
            > DEL absent = :0|
            > MULTI = +OK|
            > PING = +QUEUED|
            > EXEC = *1|+PONG|
            > WATCH h = +OK|
            > HSET h f v = :1|
            > MULTI = +OK|
            > EXEC = *-1|
            """ },
        { "connection", """
            > PING = +PONG|
            > PING hello = $5|hello|
            > PING a b = -ERR wrong number of arguments for 'ping' command|
            > ECHO x = $1|x|
            > SELECT 0 = +OK|
            > SELECT 1 = -ERR DB index is out of range|
            > SELECT x = -ERR value is not an integer or out of range|
            > CLIENT GETNAME = $-1|
            > CLIENT SETNAME me = +OK|
            > CLIENT GETNAME = $2|me|
            > CLIENT SETNAME "a b" = -ERR Client names cannot contain spaces, newlines or special characters.|
            > CLIENT ID = :7|
            > CLIENT SETINFO LIB-NAME x = +OK|
            > CLIENT SETINFO WHAT x = -ERR Unrecognized option 'WHAT'|
            > CLIENT NO-EVICT on = +OK|
            > CLIENT = -ERR wrong number of arguments for 'client' command|
            > CLIENT SETNAME = -ERR wrong number of arguments for 'client|setname' command|
            > CLIENT BOGUS = -ERR unknown subcommand 'BOGUS'. Try CLIENT HELP.|
            > AUTH secret = -ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?|
            > AUTH default anything = +OK|
            > AUTH someone anything = -WRONGPASS invalid username-password pair or user is disabled.|
            > HELLO 4 = -NOPROTO unsupported protocol version|
            > HELLO x = -ERR Protocol version is not an integer or out of range|
            > HELLO 2 BOGUS = -ERR Syntax error in HELLO option 'BOGUS'|
            > HELLO 2 SETNAME you = *14|$6|server|$5|redis|$7|version|$6|7.0.15|$5|proto|:2|$2|id|:7|$4|mode|$10|standalone|$4|role|$6|master|$7|modules|*0|
            > CLIENT GETNAME = $3|you|
            > RESET = +RESET|
            > CLIENT GETNAME = $-1|
            > BOGUS a b = -ERR unknown command 'BOGUS', with args beginning with: 'a' 'b' |
            > TIME = *2|$10|1700000000|$1|0|
            > ROLE = *3|$6|master|:17592186044416|*0|
            > CONFIG GET save appendonly = *4|$10|appendonly|$2|no|$4|save|$0||
            > CONFIG GET bogus = *0|
            > QUIT = +OK|
            """ },
        { "RESP3", """
            > HELLO 3 = %7|$6|server|$5|redis|$7|version|$6|7.0.15|$5|proto|:3|$2|id|:7|$4|mode|$10|standalone|$4|role|$6|master|$7|modules|*0|
            > GET absent = _|
            > HSET h a 1 = :1|
            > HGETALL h = %1|$1|a|$1|1|
            > HGETALL absent = %0|
            > HMGET h a b = *2|$1|1|_|
            > HKEYS h = *1|$1|a|
            > HSCAN h 0 = *2|$1|0|*2|$1|a|$1|1|
            > SET h v NX = _|
            > WATCH h = +OK|
            > HSET h b 1 = :1|
            > MULTI = +OK|
            > EXEC = _|
            > CONFIG GET save = %1|$4|save|$0||
            > COMMAND INFO bogus get = *2|_|*10|$3|get|:2|~2|+readonly|+fast|:1|:1|:1|~0|*0|*0|*0|
            > COMMAND DOCS echo = %1|$4|echo|%3|$7|summary|$21|Echo the given string|$5|since|$5|1.0.0|$5|group|$10|connection|
            > RESET = +RESET|
            > GET absent = $-1|
            """ },
        { "wait", """
            > WAIT x 0 = -ERR value is not an integer or out of range|
            > WAIT 0 x = -ERR timeout is not an integer or out of range|
            > WAIT 0 -1 = -ERR timeout is negative|
            > WAIT 0 0 = :0|
            > MULTI = +OK|
            > WAIT 5 0 = +QUEUED|
            > EXEC = *1|:0|
            """ },
    };

    [Theory]
    [MemberData(nameof(Scripts))]
    public void In_a_table(string name, string script)
    {
        using RespHarness harness = new();
        int line = 0;
        foreach (string step in script.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            line++;
            int equals = step.IndexOf(" = ", StringComparison.Ordinal);
            string command = step[2..equals], expected = step[(equals + 3)..];
            // A vertical bar within a text stands for itself in the one reply that has it.
            string actual = harness.Run(command).Replace("\r\n", "|", StringComparison.Ordinal);
            Assert.True(expected == actual, $"{name}, line {line}: {command}\n  expected {expected}\n  actual   {actual}");
        }
    }

    [Fact]
    public void Keys_and_values_are_any_bytes()
    {
        using RespHarness harness = new();
        byte[] any = [.. Enumerable.Range(0, 256).Select(value => (byte)value)];
        Assert.Equal("+OK\r\n", harness.Run("SET"u8.ToArray(), any, any));
        Assert.Equal($"$256\r\n{Encoding.Latin1.GetString(any)}\r\n", harness.Run("GET"u8.ToArray(), any));
        Assert.Equal(":1\r\n", harness.Run("HSET"u8.ToArray(), "h"u8.ToArray(), any, any));
        Assert.Equal($"$256\r\n{Encoding.Latin1.GetString(any)}\r\n", harness.Run("HGET"u8.ToArray(), "h"u8.ToArray(), any));
        Assert.Equal("+OK\r\n", harness.Run("SET"u8.ToArray(), [], []));
        Assert.Equal("$0\r\n\r\n", harness.Run("GET"u8.ToArray(), []));
    }

    [Fact]
    public void A_key_is_gone_when_its_time_has_come()
    {
        using RespHarness harness = new();
        harness.Run("SET k v PX 100");
        harness.NowMilliseconds += 99;
        Assert.Equal(":1\r\n", harness.Run("EXISTS k"));
        harness.NowMilliseconds += 1;
        Assert.Equal("$-1\r\n", harness.Run("GET k"));
        Assert.Equal(":-2\r\n", harness.Run("PTTL k"));
        Assert.Equal("+OK\r\n", harness.Run("SET k w NX"));
    }

    [Fact]
    public void A_watched_key_that_expires_fails_the_transaction()
    {
        using RespHarness harness = new();
        harness.Run("SET k v PX 100");
        harness.Run("WATCH k");
        harness.NowMilliseconds += 100;
        harness.Run("MULTI");
        Assert.Equal("*-1\r\n", harness.Run("EXEC"));
        Assert.Equal(1, harness.Counters.TransactionsConflicted);
    }

    [Fact]
    public void A_scan_finds_every_key()
    {
        using RespHarness harness = new();
        for (int i = 0; i < 500; i++) harness.Run($"SET key:{i} v");
        HashSet<string> found = [];
        string cursor = "0";
        do
        {
            string[] lines = harness.Run($"SCAN {cursor} COUNT 7").Split("\r\n");
            cursor = lines[2];
            for (int i = 5; i < lines.Length; i += 2) found.Add(lines[i]);
        }
        while (cursor != "0");
        Assert.Equal(500, found.Count);
    }

    [Fact]
    public void The_catalogue_counts_what_it_lists()
    {
        using RespHarness harness = new();
        string count = harness.Run("COMMAND COUNT")[1..^2];
        Assert.StartsWith($"*{count}\r\n", harness.Run("COMMAND"), StringComparison.Ordinal);
        Assert.StartsWith($"*{count}\r\n", harness.Run("COMMAND LIST"), StringComparison.Ordinal);
        Assert.Contains("$14\r\nclient|setname\r\n", harness.Run("COMMAND INFO client"), StringComparison.Ordinal);
    }

    [Fact]
    public void Information_names_the_role_and_what_was_counted()
    {
        using RespHarness harness = new();
        harness.Run("GET absent");
        string all = harness.Run("INFO");
        Assert.Contains("\r\nrole:master\r\n", all, StringComparison.Ordinal);
        Assert.Contains("\r\nredis_version:7.0.15\r\n", all, StringComparison.Ordinal);
        Assert.Contains("\r\nkeyspace_misses:1\r\n", all, StringComparison.Ordinal);
        Assert.DoesNotContain("# Stats", harness.Run("INFO replication"), StringComparison.Ordinal);
        Assert.Contains("id=7 addr=127.0.0.1:5000", harness.Run("CLIENT LIST"), StringComparison.Ordinal);
        harness.Run("HELLO 3");
        Assert.StartsWith("=", harness.Run("CLIENT INFO"), StringComparison.Ordinal);
    }

    [Fact]
    public void Client_reply_mutes_as_asked()
    {
        using RespHarness harness = new();
        Assert.Equal("", harness.Run("CLIENT REPLY SKIP"));
        Assert.Equal("", harness.Run("SET k v"));
        Assert.Equal("$1\r\nv\r\n", harness.Run("GET k"));
        Assert.Equal("", harness.Run("CLIENT REPLY OFF"));
        Assert.Equal("", harness.Run("GET k"));
        Assert.Equal("", harness.Run("BOGUS"));
        Assert.Equal("+OK\r\n", harness.Run("CLIENT REPLY ON"));
        Assert.Equal("+PONG\r\n", harness.Run("PING"));
    }
}
