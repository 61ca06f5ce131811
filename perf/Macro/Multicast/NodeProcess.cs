using System.Diagnostics;
using System.Globalization;

namespace Appliance.Perf.Macro.Multicast;

/// <summary>A process of this program inside a network namespace that does what it is told, line by line (<see cref="MulticastNode"/> and others).</summary>
internal sealed class NodeProcess : IDisposable
{
    private readonly Process _process;
    private readonly string _name;

    internal NodeProcess(string name, string networkNamespace, string scenario = MulticastNode.ScenarioName)
    {
        _name = name;
        var start = new ProcessStartInfo("nsenter")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            ArgumentList = { $"--net=/run/netns/{networkNamespace}" },
        };
        string program = Environment.ProcessPath!;
        start.ArgumentList.Add(program);
        if (Path.GetFileNameWithoutExtension(program) == "dotnet") start.ArgumentList.Add(typeof(NodeProcess).Assembly.Location);
        start.ArgumentList.Add(scenario);
        _process = Process.Start(start)!;
    }

    /// <summary>Gives an order; <see cref="Await"/> brings its answer.</summary>
    internal void Order(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>The numbers that answer the oldest open order.</summary>
    internal IReadOnlyDictionary<string, double> Await()
    {
        string answer = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"node {_name} ended");
        if (!answer.StartsWith("done", StringComparison.Ordinal)) throw new InvalidOperationException($"node {_name}: {answer}");
        return answer.Split(' ').Skip(1).Select(static pair => pair.Split('=')).ToDictionary(static pair => pair[0], static pair => double.Parse(pair[1], CultureInfo.InvariantCulture));
    }

    /// <summary>Gives an order and waits for its answer.</summary>
    internal IReadOnlyDictionary<string, double> Do(string line)
    {
        Order(line);
        return Await();
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(5))) _process.Kill();
        _process.Dispose();
    }
}
