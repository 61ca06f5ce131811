using Appliance.Listeners.Resp;
using Appliance.State;

namespace Appliance.Tests.Appliance.Resp.Commands;

public sealed class What_may_not_be_done_is_refused
{
    [Theory]
    [InlineData(nameof(WriteRefusal.NotPrimary), "READONLY You can't write against a read only replica.")]
    [InlineData(nameof(WriteRefusal.TooFewMembers), "NOREPLICAS Not enough good replicas to write.")]
    [InlineData(nameof(WriteRefusal.OutOfMemory), "OOM command not allowed when used memory > 'maxmemory'.")]
    [InlineData(nameof(WriteRefusal.TooLarge), "ERR value is larger than the limit of this service")]
    public void Before_anything_is_done(string refusal, string text)
    {
        using RespHarness harness = new();
        harness.Run("SET k v");
        harness.Store.Refusal = Enum.Parse<WriteRefusal>(refusal);
        Assert.Equal($"-{text}\r\n", harness.Run("SET k w"));
        Assert.Equal($"-{text}\r\n", harness.Run("MSET a 1 k w"));
        Assert.Equal($"-{text}\r\n", harness.Run("HSET h f v"));
        harness.Store.Refusal = WriteRefusal.None;
        Assert.Equal("$1\r\nv\r\n", harness.Run("GET k"));
        Assert.Equal(":0\r\n", harness.Run("EXISTS a h"));
    }

    [Fact]
    public void A_secondary_reads_and_refuses_writes_also_in_a_transaction()
    {
        using RespHarness harness = new();
        harness.Run("SET k v");
        harness.Store.ChangeRole(WriteRefusal.NotPrimary);
        Assert.Equal("$1\r\nv\r\n", harness.Run("GET k"));
        Assert.Equal("-READONLY You can't write against a read only replica.\r\n", harness.Run("DEL k"));
        Assert.Equal("*5\r\n$5\r\nslave\r\n$1\r\na\r\n:6379\r\n$9\r\nconnected\r\n", string.Join("\r\n", harness.Run("ROLE").Split("\r\n")[..8]) + "\r\n");
        Assert.Contains("role:slave", harness.Run("INFO replication"), StringComparison.Ordinal);
        Assert.StartsWith("-ERR WAIT cannot be used with replica instances.", harness.Run("WAIT 1 1"), StringComparison.Ordinal);
        harness.Run("MULTI");
        Assert.Equal("-READONLY You can't write against a read only replica.\r\n", harness.Run("SET k w"));
        Assert.Equal("-EXECABORT Transaction discarded because of previous errors.\r\n", harness.Run("EXEC"));
        Assert.Equal(2, harness.Counters.RefusedReadOnly);
    }

    [Fact]
    public void While_the_state_is_recovered_nothing_is_read()
    {
        using RespHarness harness = new();
        harness.Store.ChangeRole(WriteRefusal.Recovering);
        Assert.Equal("-LOADING Redis is loading the dataset in memory\r\n", harness.Run("GET k"));
        Assert.Equal("-LOADING Redis is loading the dataset in memory\r\n", harness.Run("SET k v"));
        Assert.Equal("+PONG\r\n", harness.Run("PING"));
        Assert.Contains("loading:1", harness.Run("INFO"), StringComparison.Ordinal);
        harness.Store.ChangeRole(WriteRefusal.None);
        Assert.Equal("$-1\r\n", harness.Run("GET k"));
    }

    [Fact]
    public void A_transaction_is_checked_whole_before_its_first_command()
    {
        using RespHarness harness = new();
        harness.Run("MULTI");
        harness.Run("SET a 1");
        harness.Run("SET b 1");
        harness.Store.Refusal = WriteRefusal.TooFewMembers;
        harness.Store.RefusedKey = "b";
        Assert.Equal("-EXECABORT Transaction discarded because of: NOREPLICAS Not enough good replicas to write.\r\n", harness.Run("EXEC"));
        Assert.Equal(":0\r\n", harness.Run("EXISTS a b"));
        Assert.False(harness.Client.InTransaction);
    }

    [Fact]
    public void Deleting_is_allowed_at_the_memory_limit()
    {
        using RespHarness harness = new();
        harness.Run("SET k v");
        harness.Store.Refusal = WriteRefusal.OutOfMemory;
        Assert.Equal(":1\r\n", harness.Run("DEL k"));
        Assert.StartsWith("-OOM", harness.Run("SET k v"), StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_values_and_batches_have_limits()
    {
        RespOptions options = new() { MaxKeyBytes = 10, MaxValueBytes = 20, MaxBatchRecords = 3, MaxBatchBytes = 100, MaxTransactionCommands = 5, MaxWatchedKeys = 2 };
        using RespHarness harness = new(options);
        string key = new('k', 11), value = new('v', 21);
        Assert.Equal("-ERR key is larger than the limit of this service\r\n", harness.Run($"SET {key} v"));
        Assert.Equal("-ERR key is larger than the limit of this service\r\n", harness.Run($"HSET h {key} v"));
        Assert.Equal("-ERR value is larger than the limit of this service\r\n", harness.Run($"SET k {value}"));
        Assert.Equal("-ERR value is larger than the limit of this service\r\n", harness.Run($"MSET a 1 k {value}"));
        Assert.Equal("-ERR value is larger than the limit of this service\r\n", harness.Run($"HSET h a 1 b {value}"));
        harness.Run($"SET k {value[..15]}");
        Assert.Equal("-ERR value is larger than the limit of this service\r\n", harness.Run("APPEND k 123456"));
        Assert.Equal("-ERR batch is larger than the limit of this service\r\n", harness.Run("MSET a 1 b 1 c 1 d 1"));
        Assert.Equal("-ERR batch is larger than the limit of this service\r\n", harness.Run("HSET h a 1 b 1 c 1 d 1"));
        Assert.Equal("-ERR batch is larger than the limit of this service\r\n", harness.Run("DEL a b c d"));
        Assert.Equal("$-1\r\n", harness.Run($"GET {key}"));
        harness.Run("MULTI");
        for (int i = 0; i < 4; i++) harness.Run($"SET k{i} v");
        Assert.Equal("-EXECABORT Transaction discarded because of: batch is larger than the limit of this service\r\n", harness.Run("EXEC"));
        harness.Run("MULTI");
        for (int i = 0; i < 5; i++) harness.Run("PING");
        Assert.Equal("-ERR transaction has more commands or bytes than the limit of this service\r\n", harness.Run("PING"));
        Assert.StartsWith("-EXECABORT", harness.Run("EXEC"), StringComparison.Ordinal);
        Assert.Equal("-ERR too many watched keys\r\n", harness.Run("WATCH a b c"));
        Assert.Equal(12, harness.Counters.RefusedTooLarge);
        Assert.Equal(":1\r\n", harness.Run("DBSIZE"));
    }

    [Fact]
    public void A_reply_that_is_too_large_is_an_error()
    {
        using RespHarness harness = new(new RespOptions { MaxReplyBytes = 100 });
        harness.Run($"SET k {new string('v', 50)}");
        Assert.Equal("-ERR reply is larger than the limit of this service\r\n", harness.Run("MGET k k"));
        Assert.Equal(1, harness.Counters.RepliesTooLarge);
    }

    [Fact]
    public void A_full_window_leaves_the_command_to_be_tried_again()
    {
        using RespHarness harness = new();
        harness.Store.Refusal = WriteRefusal.Busy;
        Assert.Equal("", harness.Run("SET k v"));
        Assert.Equal(ExecutionOutcome.Busy, harness.LastOutcome);
        Assert.Equal("+OK\r\n", harness.Run("MULTI"));
        Assert.Equal("+QUEUED\r\n", harness.Run("SET k v"));
        Assert.Equal("", harness.Run("EXEC"));
        Assert.Equal(ExecutionOutcome.Busy, harness.LastOutcome);
        harness.Store.Refusal = WriteRefusal.None;
        Assert.Equal("*1\r\n+OK\r\n", harness.Run("EXEC"));
    }

    [Fact]
    public void Without_the_password_only_the_door_answers()
    {
        using RespHarness harness = new(new RespOptions { PasswordDigest = RespOptions.DigestOf("secret") });
        Assert.Equal("-NOAUTH Authentication required.\r\n", harness.Run("GET k"));
        Assert.Equal("-NOAUTH Authentication required.\r\n", harness.Run("PING"));
        Assert.StartsWith("-NOAUTH HELLO must be called", harness.Run("HELLO 3"), StringComparison.Ordinal);
        Assert.StartsWith("-WRONGPASS", harness.Run("AUTH wrong"), StringComparison.Ordinal);
        Assert.StartsWith("-WRONGPASS", harness.Run("AUTH other secret"), StringComparison.Ordinal);
        Assert.StartsWith("%7\r\n", harness.Run("HELLO 3 AUTH default secret SETNAME me"), StringComparison.Ordinal);
        Assert.Equal("_\r\n", harness.Run("GET k"));
        Assert.Equal("+RESET\r\n", harness.Run("RESET"));
        Assert.Equal("-NOAUTH Authentication required.\r\n", harness.Run("GET k"));
        Assert.Equal("+OK\r\n", harness.Run("AUTH secret"));
        Assert.Equal("$-1\r\n", harness.Run("GET k"));
        Assert.Equal(2, harness.Counters.AuthenticationFailures);
    }
}

public sealed class What_belongs_together
{
    [Theory]
    [InlineData("MSET a 1 b 2", 2)]
    [InlineData("DEL s t", 2)]
    [InlineData("HSET n a 1 b 2", 2)]
    [InlineData("HDEL h a b", 2)]
    public void Is_one_batch(string command, int writes)
    {
        using RespHarness harness = new();
        harness.Run("MSET s 1 t 1");
        harness.Run("HSET h a 1 b 1 c 1");
        int batches = harness.Store.Batches, before = harness.Store.Writes;
        harness.Run(command);
        Assert.Equal(1, harness.Store.Batches - batches);
        Assert.Equal(writes, harness.Store.Writes - before);
    }

    [Fact]
    public void In_a_transaction_is_one_batch()
    {
        using RespHarness harness = new();
        harness.Run("MULTI");
        harness.Run("MSET a 1 b 2");
        harness.Run("HSET h a 1 b 2");
        harness.Run("DEL a b");
        Assert.Equal("*3\r\n+OK\r\n:2\r\n:2\r\n", harness.Run("EXEC"));
        Assert.Equal(1, harness.Store.Batches);
        harness.Run("MULTI");
        harness.Run("GET a");
        harness.Run("EXEC");
        Assert.Equal(1, harness.Store.Batches);
    }
}
