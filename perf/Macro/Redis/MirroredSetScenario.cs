using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Redis;

/// <summary>SET with two replicas each, in the same namespaces, over the same cards with the same offloads.</summary>
internal sealed class MirroredSetScenario : IScenario
{
    private const int Pipeline = 16;

    public string Name => "resp-mirrored";

    public string Summary => "redis-benchmark SET -P 16, two replicas: ours sealed against redis-server";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        RedisGroup.LevelOffloads(lab);
        using RedisGroup redis = RedisGroup.Start(lab);
        int requests = options.Quick ? 200_000 : 500_000, rounds = options.Quick ? 2 : 5;
        var ours = new BenchmarkSide("ours", lab, lab.Primary.Address, lab.RespPort, [.. lab.Nodes.Select(static node => node.Pid)]);
        var theirs = new BenchmarkSide("redis", lab, lab.Primary.Address, RedisGroup.Port, redis.Pids);
        for (int warm = 0; warm < 2; warm++)
        {
            ours.WarmUp("set", Pipeline);
            theirs.WarmUp("set", Pipeline);
        }
        for (int round = 0; round < rounds; round++)
        {
            ours.Measure("set", Pipeline, requests);
            theirs.Measure("set", Pipeline, requests);
        }
        double allocated = AllocationMeter.BytesPerRequest(lab);
        lab.AwaitConverged(TimeSpan.FromSeconds(30));
        AssertAlike(lab);
        BenchmarkSide.Rounds mine = ours.Of("set", Pipeline), other = theirs.Of("set", Pipeline);
        yield return Figure.Of("redis SET -P 16, two replicas", other.Rates, "requests/s");
        yield return Figure.Of("ours SET -P 16, two secondaries, sealed", mine.Rates, "requests/s", Statistics.Median(mine.Rates) / Statistics.Median(other.Rates), 1.0);
        yield return Figure.Of("redis CPU, three servers", other.Cpu, "us/request");
        yield return Figure.Of("ours CPU, three nodes", mine.Cpu, "us/request", Statistics.Median(mine.Cpu) / Statistics.Median(other.Cpu));
        yield return Figure.Of("allocated per SET by three nodes", [allocated], "B/request", target: 1, targetIsLimit: true);
    }

    private static void AssertAlike(Laboratory lab)
    {
        string[] sizes = [.. lab.Nodes.Select(node =>
        {
            using RespClient client = lab.Connect(node);
            return client.Call("DBSIZE").Text;
        })];
        if (sizes.Distinct().Count() != 1) throw new InvalidDataException($"the nodes hold different numbers of keys: {string.Join(' ', sizes)}");
    }
}
