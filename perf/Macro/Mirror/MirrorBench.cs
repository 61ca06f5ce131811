using Appliance.Lab;
using Appliance.Perf.Macro.Multicast;

namespace Appliance.Perf.Macro.Mirror;

/// <summary>The network and the three processes of the scenarios <c>updates</c> and <c>resync</c>.</summary>
internal sealed class MirrorBench : IDisposable
{
    private static readonly string[] Ids = ["a", "b", "c"];
    private readonly LabNetwork _network;
    private readonly string[] _addresses;
    private readonly List<NodeProcess> _processes = [];

    internal MirrorBench()
    {
        string name = $"mirror{Environment.ProcessId}";
        var addresses = new LabAddresses(name, loopback: false);
        _network = new LabNetwork(name);
        _addresses = [.. Ids.Select((_, index) => addresses.Sync(index))];
        try
        {
            _network.Destroy();
            _network.Create([.. Ids.Select((id, index) => new LabNode
            {
                Id = id,
                Namespace = _network.NamespaceOf(id),
                Address = addresses.Front(index),
                SyncAddress = addresses.Sync(index),
                Admin = "",
                Config = "",
                Log = "",
            })]);
            foreach (string id in Ids) _processes.Add(new NodeProcess(id, _network.NamespaceOf(id), MirrorNode.ScenarioName));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The process that writes.</summary>
    internal NodeProcess Primary => _processes[0];

    /// <summary>The processes that apply.</summary>
    internal IEnumerable<NodeProcess> Secondaries => _processes.Skip(1);

    /// <summary>Lets a node join with empty memory.</summary>
    internal void Open(int index) => _processes[index].Do($"open {Ids[index]} {_addresses[index]}");

    /// <summary>A process by its index.</summary>
    internal NodeProcess this[int index] => _processes[index];

    /// <summary>Fails when a node holds other records than the primary, or not as many as there should be.</summary>
    internal void AssertAlike(int keys, params IEnumerable<NodeProcess> nodes)
    {
        IReadOnlyDictionary<string, double> expected = Primary.Do($"contents {keys}");
        if (expected["keys"] != keys) throw new InvalidDataException($"the primary holds {expected["keys"]} keys instead of {keys}");
        foreach (NodeProcess node in nodes)
        {
            IReadOnlyDictionary<string, double> held = node.Do($"contents {keys}");
            if (!expected.All(pair => held[pair.Key] == pair.Value)) throw new InvalidDataException("a secondary holds other records than the primary");
        }
    }

    public void Dispose()
    {
        foreach (NodeProcess process in _processes) process.Dispose();
        _network.Destroy();
    }
}
