namespace Appliance.Perf.Macro.Multicast;

/// <summary>Three nodes, each in a network namespace, that have nothing to say but that they live.</summary>
internal sealed class IdleScenario : IScenario
{
    public string Name => "idle";

    public string Summary => "three nodes without load: processor time of one (root)";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using var bench = new MulticastBench(milliseconds: 500);
        bench.WarmUp();
        double[] rounds = [.. Enumerable.Range(0, options.Quick ? 1 : 3).Select(_ => bench.Idle(TimeSpan.FromSeconds(options.Quick ? 5 : 20)))];
        yield return Figure.Of("idle node, part of one processor", rounds, "%", null, 1, targetIsLimit: true);
    }
}
