namespace Appliance.Perf.Macro.Mirror;

/// <summary>A member joins with empty memory and fetches everything, sealed.</summary>
internal sealed class ResyncScenario : IScenario
{
    public string Name => "resync";

    public string Summary => "records per second to a member that joins with empty memory";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        int records = options.Quick ? 500_000 : 2_000_000, rounds = options.Quick ? 3 : 7;
        List<double> rates = [];
        using var bench = new MirrorBench();
        bench.Open(0);
        bench.Primary.Do("meet 0");
        bench.Primary.Do($"write {records} {records}");
        for (int round = -1; round < rounds; round++)
        {
            bench.Open(1);
            bench[1].Do("meet 1");
            double seconds = bench[1].Do("resynchronised")["seconds"];
            bench.AssertAlike(records, bench[1]);
            bench[1].Do("close");
            bench.Primary.Do("meet 0");
            if (round >= 0) rates.Add(records / seconds);
        }
        yield return Figure.Of($"resync of {records:N0} records, sealed", rates, "records/s", target: 1_200_000);
    }
}
