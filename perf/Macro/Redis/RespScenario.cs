using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Redis;

/// <summary>One node of ours against one redis-server: 64 connections, values of 512 B, from another namespace.</summary>
internal sealed class RespScenario : IScenario
{
    private static readonly (string Test, int Pipeline, double Target)[] Loads = [("set", 16, 1.4), ("get", 16, 1.5), ("set", 1, 0.9), ("get", 1, 0.9)];

    public string Name => "resp";

    public string Summary => "redis-benchmark SET and GET, -P 16 and -P 1: one node against redis-server";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using Laboratory lab = Laboratory.Up(1, Laboratory.Patient);
        using RedisGroup redis = RedisGroup.Start(lab);
        AssertAnswers(lab);
        var ours = new BenchmarkSide("ours", lab, lab.Primary.Address, lab.RespPort, [lab.Primary.Pid]);
        var theirs = new BenchmarkSide("redis", lab, lab.Primary.Address, RedisGroup.Port, redis.Pids);
        int rounds = options.Quick ? 1 : 5;
        foreach ((string test, int pipeline, _) in Loads)
        {
            ours.WarmUp(test, pipeline);
            theirs.WarmUp(test, pipeline);
        }
        for (int round = 0; round < rounds; round++)
        {
            foreach ((string test, int pipeline, _) in Loads)
            {
                int requests = pipeline == 1 ? 50_000 : options.Quick ? 150_000 : 300_000;
                ours.Measure(test, pipeline, requests);
                theirs.Measure(test, pipeline, requests);
            }
        }
        double allocated = AllocationMeter.BytesPerRequest(lab);
        AssertContents(lab);
        foreach ((string test, int pipeline, double target) in Loads)
        {
            string name = $"{test.ToUpperInvariant()} -P {pipeline}";
            BenchmarkSide.Rounds mine = ours.Of(test, pipeline), other = theirs.Of(test, pipeline);
            yield return Figure.Of($"redis {name}", other.Rates, "requests/s");
            yield return Figure.Of($"ours {name}", mine.Rates, "requests/s", Statistics.Median(mine.Rates) / Statistics.Median(other.Rates), target);
            yield return Figure.Of($"redis {name}, server CPU", other.Cpu, "us/request");
            double ratio = Statistics.Median(mine.Cpu) / Statistics.Median(other.Cpu);
            yield return Figure.Of($"ours {name}, server CPU", mine.Cpu, "us/request", ratio, pipeline == 1 ? 1.0 : null, targetIsLimit: true);
        }
        yield return Figure.Of("allocated per SET", [allocated], "B/request", target: 1, targetIsLimit: true);
    }

    private static void AssertAnswers(Laboratory lab)
    {
        using RespClient ours = lab.Connect(lab.Primary), theirs = RedisGroup.Connect(lab);
        foreach (RespClient client in (RespClient[])[ours, theirs])
        {
            string value = new('v', 512);
            if (client.Call("SET", "validated", value).Text != "OK" || client.Call("GET", "validated").Text != value) throw new InvalidDataException("SET or GET does not work");
            client.Call("DEL", "validated");
        }
    }

    // Most of the benchmark's 100,000 random keys must be there, each with a value of 512 B.
    private static void AssertContents(Laboratory lab)
    {
        using RespClient ours = lab.Connect(lab.Primary);
        string[] lengths = [.. Enumerable.Range(0, 100).Select(number => ours.Call("STRLEN", $"key:{number:D12}").Text)];
        if (lengths.Any(static length => length is not ("0" or "512")) || lengths.Count(static length => length == "512") < 50)
            throw new InvalidDataException($"the keys have not the values that were set: {string.Join(' ', lengths)}");
    }
}
