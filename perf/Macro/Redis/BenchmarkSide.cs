using System.Net;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Redis;

/// <summary>One of two servers that are compared: runs redis-benchmark against it and keeps rates and processor time.</summary>
/// <param name="name">For messages.</param>
/// <param name="lab">Where.</param>
/// <param name="address">The server's address.</param>
/// <param name="port">Its port.</param>
/// <param name="pids">All its processes.</param>
internal sealed class BenchmarkSide(string name, Laboratory lab, IPAddress address, int port, IReadOnlyList<int> pids)
{
    private readonly Dictionary<(string Test, int Pipeline), Rounds> _rounds = [];

    /// <summary>What was measured, one value for each round.</summary>
    internal sealed record Rounds(List<double> Rates, List<double> Cpu);

    /// <summary>The rounds of one load.</summary>
    internal Rounds Of(string test, int pipeline) => _rounds[(test, pipeline)];

    /// <summary>So much that everything is compiled for good.</summary>
    internal void WarmUp(string test, int pipeline) => Run(test, pipeline, pipeline == 1 ? 20_000 : 300_000);

    /// <summary>One round.</summary>
    internal void Measure(string test, int pipeline, int requests)
    {
        double before = CpuTime.Seconds(pids);
        double rate = Run(test, pipeline, requests);
        double seconds = CpuTime.Seconds(pids) - before;
        if (!_rounds.TryGetValue((test, pipeline), out Rounds? rounds)) _rounds.Add((test, pipeline), rounds = new Rounds([], []));
        rounds.Rates.Add(rate);
        rounds.Cpu.Add(seconds / requests * 1e6);
        if (rate <= 0) throw new InvalidDataException($"{name}: redis-benchmark measured nothing");
    }

    private double Run(string test, int pipeline, int requests) => RedisBenchmark.Run(lab.ClientNamespace, address, port, test, requests, pipeline);
}
