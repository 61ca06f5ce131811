using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Redis;

/// <summary>SET with two replicas each, in the same namespaces, over the same cards with the same offloads.</summary>
internal sealed class MirroredSetScenario : IScenario
{
    public string Name => "resp-mirrored";

    public string Summary => "redis-benchmark SET -P 16, two replicas: ours sealed against redis-server";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using Laboratory lab = Laboratory.Up();
        using RedisGroup redis = RedisGroup.Start(lab);
        int requests = options.Quick ? 100_000 : 600_000, rounds = options.Quick ? 1 : 5;
        List<double> ours = [], theirs = [], ourCpu = [], theirCpu = [];
        int[] nodes = [.. lab.Nodes.Select(node => node.Pid)];
        for (int round = -1; round < rounds; round++)
        {
            (double ourRate, double ourSeconds) = Measure(nodes, () => RedisBenchmark.Run(lab.ClientNamespace, lab.Primary.Address, lab.RespPort, "set", requests, 16));
            (double theirRate, double theirSeconds) = Measure(redis.Pids, () => RedisBenchmark.Run(lab.ClientNamespace, lab.Primary.Address, RedisGroup.Port, "set", requests, 16));
            if (round < 0 && !options.Quick) continue; // the first round warms both sides up
            ours.Add(ourRate);
            theirs.Add(theirRate);
            ourCpu.Add(ourSeconds / requests * 1e6);
            theirCpu.Add(theirSeconds / requests * 1e6);
        }
        lab.AwaitConverged(TimeSpan.FromSeconds(30));
        yield return Figure.Of("redis SET -P 16, two replicas", theirs, "requests/s");
        yield return Figure.Of("ours SET -P 16, two secondaries, sealed", ours, "requests/s", Statistics.Median(ours) / Statistics.Median(theirs), 1.0);
        yield return Figure.Of("redis CPU, three servers", theirCpu, "us/request");
        yield return Figure.Of("ours CPU, three nodes", ourCpu, "us/request", Statistics.Median(ourCpu) / Statistics.Median(theirCpu));
    }

    private static (double Rate, double Seconds) Measure(IReadOnlyList<int> pids, Func<double> run)
    {
        double before = CpuTime.Seconds(pids);
        double rate = run();
        return (rate, CpuTime.Seconds(pids) - before);
    }
}
