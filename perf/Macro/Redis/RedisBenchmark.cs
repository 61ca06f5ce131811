using System.Globalization;
using System.Net;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Redis;

/// <summary>Runs redis-benchmark, which nobody here wrote, from a namespace.</summary>
internal static class RedisBenchmark
{
    /// <returns>Requests per second.</returns>
    public static double Run(string networkNamespace, IPAddress address, int port, string test, int requests, int pipeline, int clients = 64, int valueBytes = 512)
    {
        string output = Shell.RunIn(networkNamespace, "redis-benchmark", "-h", $"{address}", "-p", $"{port}", "-t", test, "-d", $"{valueBytes}", "-c", $"{clients}",
            "-n", $"{requests}", "-P", $"{pipeline}", "-r", "100000", "--csv");
        string line = output.Split('\n').FirstOrDefault(candidate => candidate.StartsWith($"\"{test.ToUpperInvariant()}\"", StringComparison.Ordinal))
            ?? throw new InvalidDataException($"redis-benchmark said nothing of {test}: {output}");
        return double.Parse(line.Split(',')[1].Trim('"'), CultureInfo.InvariantCulture);
    }
}
