namespace Appliance.Perf.Macro.Multicast;

/// <summary>One sender, two receivers, each in a network namespace; cables of veth into a bridge, super-packets cut by software before it.</summary>
/// <remarks>Rates are messages per second that every receiver has. Sides run interleaved; each figure is the median of the rounds.</remarks>
internal sealed class MulticastScenario : IScenario
{
    /// <summary>One packet in 100,000: as good as none, through the same rules of the switch. They alone take a tenth of the processors, which no real network would.</summary>
    private const double HardlyAny = 0.001;

    private static readonly double[] LossPercents = [0.1, 1, 5];

    public string Name => "multicast";

    public string Summary => "one sender, two receivers: sealed and unsealed against plain sendmmsg, loss, latency, allocation (root)";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        int rounds = options.Quick ? 1 : 7, milliseconds = options.Quick ? 500 : 1500;
        using var bench = new MulticastBench(milliseconds);
        bench.WarmUp();
        return
        [
            .. MeasureRates(bench, rounds),
            .. MeasureLoss(bench, rounds),
            .. MeasureLatency(bench, rounds),
        ];
    }

    private static IEnumerable<Figure> MeasureRates(MulticastBench bench, int rounds)
    {
        List<double> plain = [], sealed100 = [], open100 = [], plain1400 = [], sealed1400 = [];
        List<double> processor = [], allocatedSender = [], allocatedReceiver = [];
        for (int i = 0; i < rounds; i++)
        {
            plain.Add(bench.Plain(100));
            GroupRun run = bench.Group(100, isSealed: true);
            sealed100.Add(run.PerSecond);
            processor.Add(run.ProcessorMicroseconds);
            allocatedSender.Add(run.SenderBytesPerMessage);
            allocatedReceiver.Add(run.ReceiverBytesPerMessage);
            open100.Add(bench.Group(100, isSealed: false).PerSecond);
            plain1400.Add(bench.Plain(1400));
            sealed1400.Add(bench.Group(1400, isSealed: true).PerSecond);
        }
        yield return Figure.Of("100 B, plain sendmmsg", plain, "messages/s");
        yield return Figure.Of("100 B, sealed", sealed100, "messages/s", Ratio(sealed100, plain), 14);
        yield return Figure.Of("100 B, sealed, processor time per message", processor, "us");
        yield return Figure.Of("100 B, unsealed", open100, "messages/s", Ratio(open100, plain));
        yield return Figure.Of("100 B, sealed to unsealed", Ratios(sealed100, open100), "x", null, 0.65);
        yield return Figure.Of("1400 B, plain sendmmsg", plain1400, "messages/s");
        yield return Figure.Of("1400 B, sealed", sealed1400, "messages/s", Ratio(sealed1400, plain1400), 1.8);
        yield return Figure.Of("allocated per message, sender", allocatedSender, "B", null, 0.05, targetIsLimit: true);
        yield return Figure.Of("allocated per message, receiver", allocatedReceiver, "B", null, 0.05, targetIsLimit: true);
    }

    private static IEnumerable<Figure> MeasureLoss(MulticastBench bench, int rounds)
    {
        List<double> withoutRules = [], lossless = [];
        List<double>[] lossy = [.. LossPercents.Select(static _ => new List<double>())];
        for (int i = 0; i < rounds; i++)
        {
            withoutRules.Add(bench.Group(100, isSealed: true).PerSecond);
            lossless.Add(bench.GroupWithLoss(100, HardlyAny).PerSecond);
            for (int k = 0; k < LossPercents.Length; k++) lossy[k].Add(bench.GroupWithLoss(100, LossPercents[k]).PerSecond);
        }
        bench.AssertLosses();
        double[] targets = [0.95, 0.8, 0.5];
        yield return Figure.Of("100 B, sealed, lossless through the drop rules", lossless, "messages/s", Ratio(lossless, withoutRules));
        for (int k = 0; k < LossPercents.Length; k++)
            yield return Figure.Of($"100 B, sealed, {LossPercents[k]} % loss", lossy[k], "messages/s", Ratio(lossy[k], lossless), targets[k]);
    }

    private static IEnumerable<Figure> MeasureLatency(MulticastBench bench, int rounds)
    {
        List<double> full = [], p50 = [], p99 = [];
        for (int i = 0; i < rounds; i++)
        {
            GroupRun run = bench.Group(100, isSealed: true);
            full.Add(run.PerSecond);
            GroupRun half = bench.Group(100, isSealed: true, (int)(Statistics.Median(full) / 2));
            p50.Add(half.P50Microseconds);
            p99.Add(half.P99Microseconds);
        }
        yield return Figure.Of("publish to deliver at half load, p50", p50, "us");
        yield return Figure.Of("publish to deliver at half load, p99", p99, "us");
    }

    private static double Ratio(List<double> ours, List<double> theirs) => Statistics.Median(Ratios(ours, theirs));

    private static List<double> Ratios(List<double> ours, List<double> theirs) => [.. ours.Zip(theirs, static (left, right) => left / right)];
}
