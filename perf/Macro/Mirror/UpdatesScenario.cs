namespace Appliance.Perf.Macro.Mirror;

/// <summary>Mirrored updates of 32 B keys and 16 B values: one primary, two secondaries that apply them, sealed, over cards without segmentation.</summary>
internal sealed class UpdatesScenario : IScenario
{
    private const int Keys = 100_000;

    public string Name => "updates";

    public string Summary => "mirrored updates per second: one writes, two apply, sealed";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        int updates = options.Quick ? 500_000 : 2_000_000, rounds = options.Quick ? 3 : 9;
        List<double> rates = [], perDatagram = [], sent = [], applied = [];
        using var bench = new MirrorBench();
        for (int i = 0; i < 3; i++) bench.Open(i);
        for (int i = 0; i < 3; i++) bench[i].Do("meet 2");
        for (int warm = 0; warm < 3; warm++) bench.Primary.Do($"write {Keys} {300_000}");
        for (int round = 0; round < rounds; round++)
        {
            double[] before = [.. bench.Secondaries.Select(static node => node.Do("count")["allocated"])];
            IReadOnlyDictionary<string, double> start = bench.Primary.Do("count");
            IReadOnlyDictionary<string, double> result = bench.Primary.Do($"write {Keys} {updates}");
            double[] after = [.. bench.Secondaries.Select(static node => node.Do("count")["allocated"])];
            rates.Add(result["updates"] / result["seconds"]);
            sent.Add(result["allocated"] / updates);
            applied.Add(after.Zip(before, static (late, early) => late - early).Max() / updates);
            perDatagram.Add(updates / (result["datagramsSent"] - start["datagramsSent"]));
        }
        bench.AssertAlike(Keys, bench.Secondaries);
        yield return Figure.Of("mirrored updates, two apply, sealed", rates, "updates/s", target: 600_000);
        yield return Figure.Of("updates per datagram", perDatagram, "updates");
        yield return Figure.Of("allocated by the primary", sent, "B/update", target: 0.1, targetIsLimit: true);
        yield return Figure.Of("allocated by a secondary", applied, "B/update", target: 0.1, targetIsLimit: true);
    }
}
