using System.Globalization;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>Runs what moves a service and collects for how long nobody answered at its address meanwhile.</summary>
/// <param name="what">For the report.</param>
internal sealed class Gaps(string what)
{
    private const int QuietAnswers = 200;
    private readonly List<double> _milliseconds = [], _quiet = [];

    /// <summary>Connections that were refused meanwhile.</summary>
    public int Refused { get; private set; }

    /// <summary>The longest.</summary>
    public TimeSpan Longest => TimeSpan.FromMilliseconds(_milliseconds.Max());

    /// <summary>Measures one take-over.</summary>
    /// <param name="lab">The laboratory.</param>
    /// <param name="move">Returns when the next primary serves.</param>
    public void Measure(Laboratory lab, Action move)
    {
        using var probe = new ServiceProbe(lab, lab.ServiceAddress);
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        probe.AwaitMore(QuietAnswers);
        _quiet.Add(probe.LongestGap(start).TotalMilliseconds); // what this machine costs at this moment without any move
        start = System.Diagnostics.Stopwatch.GetTimestamp();
        move();
        probe.AwaitAnswer(System.Diagnostics.Stopwatch.GetTimestamp());
        _milliseconds.Add(probe.LongestGap(start).TotalMilliseconds);
        Refused += probe.Refused;
    }

    public override string ToString()
    {
        return string.Create(CultureInfo.InvariantCulture, $"{what}: {_milliseconds.Count} times, gap p50 {At(_milliseconds, 0.5):F0} ms, p99 {At(_milliseconds, 0.99):F0} ms, {Refused} connections refused; "
            + $"just before, undisturbed, the longest time without an answer was p50 {At(_quiet, 0.5):F0} ms, p99 {At(_quiet, 0.99):F0} ms");
    }

    private static double At(List<double> times, double share) => times.Order().ElementAt((int)Math.Ceiling(share * times.Count) - 1);
}
