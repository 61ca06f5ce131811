using System.Globalization;
using Appliance.Lab;

namespace Appliance.Perf.Macro.Multicast;

/// <summary>The network and the three processes of <see cref="MulticastScenario"/>.</summary>
internal sealed class MulticastBench : IDisposable
{
    private static readonly string[] Ids = ["a", "b", "c"];
    private static readonly string NetworkName = $"bench{Environment.ProcessId}";
    private readonly int _milliseconds;
    private readonly LabNetwork _network = new(NetworkName);
    private readonly LabNode[] _nodes;
    private readonly NodeProcess[] _processes;
    private readonly PacketFilter _filter;
    private readonly Dictionary<double, (long Seen, long Dropped)> _losses = [];
    private bool? _openSealed;

    internal MulticastBench(int milliseconds)
    {
        _milliseconds = milliseconds;
        var addresses = new LabAddresses(NetworkName, loopback: false);
        _nodes = [.. Ids.Select((id, index) => NodeOf(id, index, addresses))];
        _network.Destroy();
        _network.Create(_nodes);
        _filter = new PacketFilter(_network.Hub);
        _processes = [.. Ids.Select(id => new NodeProcess(id, _network.NamespaceOf(id)))];
    }

    private NodeProcess Sender => _processes[0];

    private IEnumerable<NodeProcess> Receivers => _processes.Skip(1);

    /// <summary>Runs every side once, so that what is measured is compiled.</summary>
    internal void WarmUp()
    {
        for (int i = 0; i < 2; i++)
        {
            Plain(100);
            Group(100, isSealed: true);
            Group(100, isSealed: false);
        }
    }

    /// <summary>Plain sendmmsg: messages per second at the slower receiver.</summary>
    internal double Plain(int bytes)
    {
        Close();
        foreach ((NodeProcess process, LabNode node) in _processes.Zip(_nodes).Skip(1)) process.Do($"plain-receive {node.SyncAddress} {bytes}");
        IReadOnlyDictionary<string, double> sent = Sender.Do($"plain-send {_nodes[0].SyncAddress} {bytes} {_milliseconds}");
        double[] rates = [.. Receivers.Select(process => process.Do("plain-received")["messages"] / sent["seconds"])];
        return rates.Min();
    }

    /// <summary>The group, as fast as it goes or at a rate.</summary>
    internal GroupRun Group(int bytes, bool isSealed, int perSecond = 0)
    {
        Open(isSealed);
        foreach (NodeProcess process in Receivers) process.Do("receive");
        IReadOnlyDictionary<string, double> sent = Sender.Do($"publish {bytes} {_milliseconds} {perSecond}");
        IReadOnlyDictionary<string, double>[] received = [.. Receivers.Select(static process => process.Do("received"))];
        foreach (IReadOnlyDictionary<string, double> each in received)
        {
            if (each["messages"] != sent["messages"] || each["gaps"] != 0)
                throw new InvalidOperationException($"{sent["messages"]} messages were published, {each["messages"]} delivered, {each["gaps"]} gaps");
        }
        if (Environment.GetEnvironmentVariable("APPLIANCE_BENCH_VERBOSE") is not null) Print(sent, received);
        return new GroupRun(
            sent["messages"] / sent["seconds"],
            sent["allocated"] / sent["messages"],
            received.Max(static each => each["allocated"] / each["messages"]),
            received.Max(static each => each["p50"]),
            received.Max(static each => each["p99"]),
            (sent["processor"] + received.Sum(static each => each["processor"])) / sent["messages"]);
    }

    /// <summary>The group while the switch drops a part of what goes to each receiver.</summary>
    internal GroupRun GroupWithLoss(int bytes, double percent)
    {
        Open(isSealed: true);
        var state = StateOf([.. Ids.Skip(1).Select(id => new LabFault(percent, "a", id))]);
        _filter.Apply(state, resetLosses: true);
        try
        {
            GroupRun run = Group(bytes, isSealed: true);
            foreach (LinkCount link in _filter.Losses(state))
            {
                (long seen, long dropped) = _losses.GetValueOrDefault(percent);
                _losses[percent] = (seen + link.Seen, dropped + link.Touched);
            }
            return run;
        }
        finally
        {
            _filter.Apply(StateOf([]), resetLosses: true);
        }
    }

    /// <summary>What a node of an idle group takes of one processor, in percent; the mean of the three.</summary>
    internal double Idle(TimeSpan time)
    {
        Open(isSealed: true);
        double before = ProcessorSeconds();
        Thread.Sleep(time);                                // idleness cannot be awaited
        return (ProcessorSeconds() - before) / time.TotalSeconds / _processes.Length * 100;
    }

    /// <summary>Fails when the packets really dropped differ from what was asked for by more than a fifth, or by what chance explains (five deviations).</summary>
    internal void AssertLosses()
    {
        foreach ((double percent, (long seen, long dropped)) in _losses)
        {
            double asked = seen * percent / 100;
            if (Math.Abs(dropped - asked) > Math.Max(asked / 5, 5 * Math.Sqrt(asked)))
                throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{percent} % loss was asked for, {dropped} of {seen} packets were dropped"));
        }
    }

    public void Dispose()
    {
        foreach (NodeProcess process in _processes) process.Dispose();
        _network.Destroy();
    }

    private double ProcessorSeconds() => _processes.Sum(static process => process.Do("processor")["seconds"]);

    private void Open(bool isSealed)
    {
        if (_openSealed == isSealed) return;
        Close();
        foreach ((NodeProcess process, LabNode node) in _processes.Zip(_nodes)) process.Do($"open {node.Id} {node.SyncAddress} {(isSealed ? 1 : 0)}");
        foreach (NodeProcess process in _processes) process.Do($"meet {_processes.Length - 1}");
        _openSealed = isSealed;
    }

    private void Close()
    {
        if (_openSealed is null) return;
        foreach (NodeProcess process in _processes) process.Do("close");
        _openSealed = null;
    }

    private LabNode NodeOf(string id, int index, LabAddresses addresses) => new()
    {
        Id = id,
        Namespace = _network.NamespaceOf(id),
        Address = addresses.Front(index),
        SyncAddress = addresses.Sync(index),
        Admin = "",
        Config = "",
        Log = "",
    };

    private LabState StateOf(IReadOnlyList<LabFault> losses) => new()
    {
        Name = NetworkName,
        Loopback = false,
        Nodes = _nodes,
        Port = 0,
        ClientNamespace = "",
        BackendNamespace = "",
        BackendAddress = "",
        Losses = losses,
    };

    private static void Print(IReadOnlyDictionary<string, double> sent, IReadOnlyDictionary<string, double>[] received)
    {
        Console.Error.WriteLine("  sender   " + string.Join(' ', sent.Where(static pair => pair.Value != 0).Select(static pair => $"{pair.Key}={pair.Value:0.##}")));
        foreach (IReadOnlyDictionary<string, double> each in received)
            Console.Error.WriteLine("  receiver " + string.Join(' ', each.Where(static pair => pair.Value != 0).Select(static pair => $"{pair.Key}={pair.Value:0.##}")));
    }
}
