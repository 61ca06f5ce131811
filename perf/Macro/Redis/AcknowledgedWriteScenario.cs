using System.Diagnostics;
using Appliance.Perf.Macro.Mirror;
using Appliance.Perf.Macro.Multicast;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Redis;

/// <summary>One connection, each write acknowledged by two others, against SET + WAIT 2 of Redis; and the part of it between the write on the primary and its acknowledgement.</summary>
internal sealed class AcknowledgedWriteScenario : IScenario
{
    public string Name => "acknowledged";

    public string Summary => "latency of a write acknowledged by two: ours against SET + WAIT 2";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Patient, "--set", "class purchase.acks=2"]);
        RedisGroup.LevelOffloads(lab);
        using RedisGroup redis = RedisGroup.Start(lab);
        using var members = new MemberProcesses(lab);
        using RespClient ours = lab.Connect(lab.Primary), theirs = RedisGroup.Connect(lab);
        int writes = options.Quick ? 1000 : 4000, rounds = options.Quick ? 3 : 9;
        string value = new('x', 100);
        List<double> ourMedians = [], theirMedians = [], ourTails = [], theirTails = [], publishMedians = [], publishTails = [];
        for (int round = -2; round < rounds; round++)
        {
            double[] a = Time(writes, i =>
            {
                RespReply reply = ours.Call("SET", $"cart:{i % 1000}", value);
                if (reply.Text != "OK") throw new InvalidDataException(reply.Text);
            });
            double[] b = Time(writes, i =>
            {
                theirs.Queue("SET", $"cart:{i % 1000}", value);
                theirs.Queue("WAIT", "2", "0");
                theirs.Flush();
                RespReply reply = theirs.Read(), replicas = theirs.Read();
                if (reply.IsError || replicas.Text != "2") throw new InvalidDataException($"{reply}, {replicas} replicas");
            });
            IReadOnlyDictionary<string, double> published = members.Primary.Do($"acknowledge {writes}");
            if (round < 0) continue; // the first rounds warm all sides up
            ourMedians.Add(a[a.Length / 2]);
            theirMedians.Add(b[b.Length / 2]);
            publishMedians.Add(published["p50"]);
            ourTails.Add(a[a.Length * 99 / 100]);
            theirTails.Add(b[b.Length * 99 / 100]);
            publishTails.Add(published["p99"]);
        }
        double Ratio(List<double> mine, List<double> other) => Statistics.Median(mine.Zip(other, static (left, right) => left / right));
        yield return Figure.Of("redis SET + WAIT 2, p50", theirMedians, "us");
        yield return Figure.Of("ours, acknowledged by two, p50", ourMedians, "us", Ratio(ourMedians, theirMedians), 1.0, targetIsLimit: true);
        yield return Figure.Of("publish to acknowledge, p50", publishMedians, "us", Ratio(publishMedians, theirMedians), 0.7, targetIsLimit: true);
        yield return Figure.Of("redis SET + WAIT 2, p99", theirTails, "us");
        yield return Figure.Of("ours, acknowledged by two, p99", ourTails, "us", Ratio(ourTails, theirTails));
        yield return Figure.Of("publish to acknowledge, p99", publishTails, "us", Ratio(publishTails, theirTails));
    }

    private static double[] Time(int count, Action<int> call)
    {
        double[] microseconds = new double[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            call(i);
            microseconds[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
        Array.Sort(microseconds);
        return microseconds;
    }

    /// <summary>A second group in the laboratory's namespaces, without listeners.</summary>
    private sealed class MemberProcesses : IDisposable
    {
        private readonly List<NodeProcess> _processes = [];

        internal MemberProcesses(Laboratory lab)
        {
            try
            {
                foreach (LabNode node in lab.Nodes) _processes.Add(new NodeProcess(node.Id, node.Namespace, MirrorNode.ScenarioName));
                foreach ((NodeProcess process, LabNode node) in _processes.Zip(lab.Nodes)) process.Do($"open {node.Id} {RedisGroup.SynchronisationAddress(node)}");
                foreach (NodeProcess process in _processes) process.Do($"meet {_processes.Count - 1}");
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        internal NodeProcess Primary => _processes[0];

        public void Dispose()
        {
            foreach (NodeProcess process in _processes) process.Dispose();
        }
    }
}
