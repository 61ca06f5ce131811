using System.Diagnostics;
using System.Net;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Perf.Macro.Redis;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Takeover;

/// <summary>
/// An address that moves when the cables of its owner are pulled: ours and keepalived's, in the same namespaces, with the same time until an owner is declared dead. While one side is
/// measured the other does not run. Then nothing that the owner sends on the synchronisation network arrives any more: how often two nodes answer for one address.
/// </summary>
internal sealed class FailoverScenario : IScenario
{
    private const int Stop = 19, Continue = 18;
    private const int Enough = 300; // answers, one a millisecond, before the fault: the probe and what it asks run as usual
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60), Settle = TimeSpan.FromMilliseconds(700), Look = TimeSpan.FromSeconds(3);

    public string Name => "failover";

    public string Summary => "pulled cables, ours against keepalived with the same time to declare death; masters under one-way loss";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using Laboratory lab = Laboratory.Up(3, "--witness", "1"); // two nodes that can own the address, dead-after 100 ms
        using RedisGroup answers = RedisGroup.Start(lab); // PONG at keepalived's address
        LabNode[] data = [lab["a"], lab["b"]];
        List<double> ours = [], theirs = [];
        int rounds = options.Quick ? 3 : 20;
        for (int round = 0; round < rounds; round++)
        {
            ours.Add(MeasureOurs(lab));
            theirs.Add(MeasureTheirs(lab, data[0], data[1]));
            Console.WriteLine($"failover round {round + 1} of {rounds}: ours {ours[^1]:F1} ms, keepalived {theirs[^1]:F1} ms");
        }
        (int oursTwice, int oursLooks) = LoseOneWay(lab, AwaitOwner(lab), node => Keepalived.HasAddress(node, lab.ServiceAddress) && node.Serves(Laboratory.Service));
        (int theirsTwice, int theirsLooks) = SplitTheirs(lab, data[0], data[1]);
        if (oursTwice > 0) throw new InvalidDataException($"two of our nodes served one address at once, in {oursTwice} of {oursLooks} looks");
        if (theirsTwice == 0) throw new InvalidDataException("keepalived did not have two masters: the loss was not in force");

        double ratio = Statistics.Median(theirs) / Statistics.Median(ours);
        yield return Figure.Of("keepalived, cables pulled, gap p50", theirs, "ms");
        yield return Figure.Of("ours, cables pulled, gap p50", ours, "ms", ratio, 1.0);
        yield return Figure.Of("keepalived, cables pulled, gap p99", [Statistics.Quantile(theirs, 0.99)], "ms");
        yield return Figure.Of("ours, cables pulled, gap p99", [Statistics.Quantile(ours, 0.99)], "ms", Statistics.Quantile(theirs, 0.99) / Statistics.Quantile(ours, 0.99), 1.0);
        yield return Figure.Of("keepalived, one-way loss, two masters", [100.0 * theirsTwice / theirsLooks], "% of looks");
        yield return Figure.Of("ours, one-way loss, two primaries", [100.0 * oursTwice / oursLooks], "% of looks", target: 0, targetIsLimit: true);
    }

    private static double MeasureOurs(Laboratory lab)
    {
        LabNode owner = AwaitOwner(lab);
        double gap = Measure(lab, new IPEndPoint(lab.ServiceAddress, lab.RespPort), owner, () => lab.AwaitPrimary(Laboratory.Service, after: owner));
        AwaitOwner(lab);
        return gap;
    }

    private static double MeasureTheirs(Laboratory lab, LabNode first, LabNode second)
    {
        using var frozen = new Frozen(lab);
        using var peer = new Keepalived(first, second);
        return Measure(lab, new IPEndPoint(Keepalived.Address, RedisGroup.Port), first, () => Until.True($"keepalived of {second.Id} is master", Limit, () => Keepalived.IsMaster(second)));
    }

    private static double Measure(Laboratory lab, IPEndPoint target, LabNode owner, Action awaitNext)
    {
        using var probe = new AddressProbe(lab, target);
        Until.True($"{target} answers", Limit, () => probe.Answered > Enough);
        Timestamp from = EventLoop.ReadClock();
        try
        {
            Pull(lab, owner);
            awaitNext();
            int answered = probe.Answered;
            Until.True($"{target} answers again", Limit, () => probe.Answered > answered);
            Thread.Sleep(Settle); // the measurement goes on: a second interruption would belong to the gap
            return probe.End(from, EventLoop.ReadClock());
        }
        finally
        {
            lab.Lab("plug", owner.Id);
        }
    }

    // In one go, the synchronisation card first: when the other one goes first, keepalived has time to say that it yields, and no time to declare death passes.
    private static void Pull(Laboratory lab, LabNode owner)
    {
        string batch = Path.Combine(lab.StateDirectory, "pull");
        File.WriteAllText(batch, $"link set dev {owner.Id}-sync down\nlink set dev {owner.Id}-front down\n");
        Shell.Run("ip", "-n", $"{owner.Namespace[..^1]}net", "-batch", batch);
    }

    private static (int Twice, int Looks) SplitTheirs(Laboratory lab, LabNode first, LabNode second)
    {
        using var frozen = new Frozen(lab);
        using var peer = new Keepalived(first, second);
        return LoseOneWay(lab, first, Keepalived.IsMaster);
    }

    // Two owners at one instant: the first one owned the address before and after the second one was seen to own it.
    private static (int Twice, int Looks) LoseOneWay(Laboratory lab, LabNode owner, Func<LabNode, bool> owns)
    {
        LabNode other = lab.Nodes.First(node => node.Id is "a" or "b" && node.Id != owner.Id);
        lab.Lab("loss", "100", "--from", owner.Id);
        try
        {
            int twice = 0, looks = 0;
            for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < Look; looks++)
            {
                if (owns(owner) && owns(other) && owns(owner)) twice++;
            }
            if (lab.Losses().Sum(static link => link.Dropped) == 0) throw new InvalidDataException("no packet was dropped: the loss tests nothing");
            return (twice, looks);
        }
        finally
        {
            lab.Lab("heal");
        }
    }

    private static LabNode AwaitOwner(Laboratory lab)
    {
        lab.AwaitConverged(Limit);
        return lab.Primary;
    }

    /// <summary>Our nodes, stopped while the peer is measured.</summary>
    private sealed class Frozen : IDisposable
    {
        private readonly Laboratory _lab;

        public Frozen(Laboratory lab)
        {
            _lab = lab;
            foreach (LabNode node in lab.Nodes) Signals.Send(node.Pid, Stop);
        }

        public void Dispose()
        {
            foreach (LabNode node in _lab.Nodes) Signals.Send(node.Pid, Continue);
        }
    }
}
