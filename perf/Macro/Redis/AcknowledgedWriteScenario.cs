using System.Diagnostics;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Redis;

/// <summary>One connection, each write acknowledged by two others, against SET + WAIT 2 of Redis.</summary>
internal sealed class AcknowledgedWriteScenario : IScenario
{
    public string Name => "acknowledged";

    public string Summary => "latency of a write acknowledged by two: ours against SET + WAIT 2";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using Laboratory lab = Laboratory.Up(3, "--set", "class purchase.acks=2");
        using RedisGroup redis = RedisGroup.Start(lab);
        using RespClient ours = lab.Connect(lab.Primary), theirs = RedisGroup.Connect(lab);
        int writes = options.Quick ? 500 : 5000, rounds = options.Quick ? 1 : 7;
        string value = new('x', 100);
        List<double> ourMedians = [], theirMedians = [], ourTails = [], theirTails = [];
        for (int round = -1; round < rounds; round++)
        {
            double[] a = Time(writes, i =>
            {
                RespReply reply = ours.Call("SET", $"cart:{i % 1000}", value);
                if (reply.IsError) throw new InvalidDataException(reply.Text);
            });
            double[] b = Time(writes, i =>
            {
                theirs.Queue("SET", $"cart:{i % 1000}", value);
                theirs.Queue("WAIT", "2", "0");
                theirs.Flush();
                RespReply reply = theirs.Read(), replicas = theirs.Read();
                if (reply.IsError || replicas.Text != "2") throw new InvalidDataException($"{reply}, {replicas} replicas");
            });
            if (round < 0 && !options.Quick) continue;
            ourMedians.Add(a[a.Length / 2]);
            theirMedians.Add(b[b.Length / 2]);
            ourTails.Add(a[a.Length * 99 / 100]);
            theirTails.Add(b[b.Length * 99 / 100]);
        }
        yield return Figure.Of("redis SET + WAIT 2, p50", theirMedians, "us");
        yield return Figure.Of("ours, acknowledged by two, p50", ourMedians, "us", Statistics.Median(ourMedians) / Statistics.Median(theirMedians), 1.0, targetIsLimit: true);
        yield return Figure.Of("redis SET + WAIT 2, p99", theirTails, "us");
        yield return Figure.Of("ours, acknowledged by two, p99", ourTails, "us", Statistics.Median(ourTails) / Statistics.Median(theirTails));
    }

    private static double[] Time(int count, Action<int> call)
    {
        double[] microseconds = new double[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            call(i);
            microseconds[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
        Array.Sort(microseconds);
        return microseconds;
    }
}
