using System.Text;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Compatibility.Resp;

/// <summary>The same commands to a real redis-server 7 and to us: the replies must be the same bytes, but for the differences of docs/redis.md.</summary>
public sealed class Against_a_real_redis_server
{
    private const int BatchSize = 40;

    [ProgramFact("redis-server")]
    public void Random_commands_get_the_same_replies_in_RESP2() => Compare(protocol: 2, seed: 1);

    [ProgramFact("redis-server")]
    public void Random_commands_get_the_same_replies_in_RESP3() => Compare(protocol: 3, seed: 2);

    [ProgramFact("redis-server")]
    public void Every_command_gets_the_same_error_for_every_number_of_arguments()
    {
        using RedisServer redis = new();
        using RespServer ours = new();
        using RespStream theirStream = new(redis.Port), ourStream = new(ours.Port);
        foreach (string command in RandomCommands.Names)
        {
            for (int count = 0; count < 6; count++)
            {
                byte[][] line = [.. command.Split(' ').Concat(Enumerable.Repeat("50000", count)).Select(Encoding.ASCII.GetBytes)];
                CompareOne(theirStream, ourStream, line);
                if (command is "MULTI" or "WATCH") CompareOne(theirStream, ourStream, ["DISCARD"u8.ToArray()]);
            }
        }
    }

    private static void CompareOne(RespStream theirs, RespStream ours, byte[][] command)
    {
        theirs.Send([command]);
        ours.Send([command]);
        AssertSame(command, theirs.Read(), ours.Read(), "one by one");
    }

    private static void Compare(int protocol, int seed)
    {
        using RedisServer redis = new();
        using RespServer ours = new();
        const int connections = 3;
        RespStream[] theirStreams = [.. Enumerable.Range(0, connections).Select(_ => new RespStream(redis.Port))];
        RespStream[] ourStreams = [.. Enumerable.Range(0, connections).Select(_ => new RespStream(ours.Port))];
        byte[][] hello = ["HELLO"u8.ToArray(), Encoding.ASCII.GetBytes($"{protocol}")];
        foreach (RespStream stream in theirStreams.Concat(ourStreams))
        {
            stream.Send([hello]);
            stream.Read();
        }
        RandomCommands commands = new(seed);
        int total = TestCounts.Of("resp.differential-commands");
        for (int done = 0; done < total; done += BatchSize)
        {
            int connection = commands.Next(connections);
            byte[][][] batch = [.. Enumerable.Range(0, BatchSize).Select(_ => commands.NextCommand())];
            theirStreams[connection].Send(batch);
            ourStreams[connection].Send(batch);
            for (int i = 0; i < batch.Length; i++)
                AssertSame(batch[i], theirStreams[connection].Read(), ourStreams[connection].Read(), $"seed {seed}, command {done + i}, connection {connection}");
        }
        TestCounts.Reached("resp.differential-commands", total);
        foreach (RespStream stream in theirStreams.Concat(ourStreams)) stream.Dispose();
    }

    private static void AssertSame(byte[][] command, RespNode theirs, RespNode ours, string where)
    {
        string name = Encoding.Latin1.GetString(command[0]).ToUpperInvariant();
        string expected = Normal(name, theirs), actual = Normal(name, ours);
        Assert.True(expected == actual,
            $"{where}: {string.Join(' ', command.Select(argument => Encoding.Latin1.GetString(argument)))}\n  redis {expected.ReplaceLineEndings("|")}\n  ours  {actual.ReplaceLineEndings("|")}");
    }

    // The order of fields has no meaning; within EXEC the command is not known, so all its maps and arrays are sorted.
    private static string Normal(string name, RespNode reply) => name switch
    {
        "HGETALL" => reply.Sorted(2),
        "HKEYS" or "HVALS" => reply.Sorted(1),
        "HSCAN" when reply.Children.Count == 2 => reply.Head + reply.Children[0].Text + reply.Children[1].Sorted(2),
        "EXEC" => reply.Head + string.Concat(reply.Children.Select(child => Normal(child.Children.Count == 2 && child.Children[1].Head[0] == '*' ? "HSCAN" : "HKEYS", child))),
        _ => reply.Text,
    };
}
