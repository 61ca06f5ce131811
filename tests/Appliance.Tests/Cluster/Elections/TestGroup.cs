using Appliance.Cluster.Elections;
using Appliance.Multicast;

namespace Appliance.Tests.Appliance.Cluster.Elections;

/// <summary>A few engines that hear each other's beats at once, in steps of a millisecond.</summary>
internal sealed class TestGroup
{
    private int _step;

    internal TestGroup(Func<ElectionOptions, ElectionOptions>? configure = null, params string[] names)
    {
        Configure = configure ?? (static options => options);
        foreach (string name in names.Length == 0 ? ["a", "b", "w"] : names) Nodes.Add(new TestElections(name, Now, configure: Configure));
    }

    internal Func<ElectionOptions, ElectionOptions> Configure { get; }
    internal Timestamp Now { get; private set; } = new(1_000_000_000);
    internal List<TestElections> Nodes { get; } = [];
    internal HashSet<string> Dead { get; } = [];
    internal HashSet<(string From, string To)> Cut { get; } = [];
    internal TestElections this[string name] => Nodes.Single(node => node.Name == name);

    /// <summary>The node that holds a service's lease; null: none.</summary>
    internal string? Primary(int service = 0) => Nodes.SingleOrDefault(node => !Dead.Contains(node.Name) && node.Engine.IsPrimary(service, Now))?.Name;

    /// <summary>A node's process begins a new life.</summary>
    internal TestElections Restart(string name)
    {
        TestElections old = this[name];
        TestElections fresh = new(name, Now, old.Store, Configure) { Incarnation = old.Incarnation + 1 };
        Nodes[Nodes.IndexOf(old)] = fresh;
        Dead.Remove(name);
        return fresh;
    }

    /// <summary>Runs until something holds; false when it does not within a time.</summary>
    internal bool RunUntil(Func<bool> condition, int milliseconds = 3000)
    {
        for (int i = 0; i < milliseconds && !condition(); i++) Step();
        return condition();
    }

    internal void Run(int milliseconds) => RunUntil(static () => false, milliseconds);

    /// <summary>A group whose primary of the only service is a, both data members synchronised.</summary>
    internal static TestGroup WithPrimary(Func<ElectionOptions, ElectionOptions>? configure = null)
    {
        var group = new TestGroup(configure);
        Assert.True(group.RunUntil(() => group.Primary() == "a"));
        foreach (string name in new[] { "a", "b" }) group[name].Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: false, 1);
        group["a"].Engine.SetServing(group.Now, 0);
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b011));
        group.Run(100);
        return group;
    }

    private void Step()
    {
        Now += TimeSpan.FromMilliseconds(1);
        _step++;
        foreach (TestElections node in Nodes)
        {
            if (Dead.Contains(node.Name)) continue;
            node.Now = Now;
            if (node.Store.Step()) node.Engine.OnStored(Now, null);
            if (node.Engine.NextDeadline <= Now) node.Engine.OnTick(Now);
        }
        foreach (TestElections node in Nodes)
        {
            if (Dead.Contains(node.Name) || (!node.Hurried && _step % 20 != 0)) continue;
            node.Hurried = false;
            ReadOnlySpan<byte> extension = Now < node.ExtensionUntil ? node.Extension : [];
            foreach (TestElections other in Nodes)
            {
                if (other == node || Dead.Contains(other.Name) || Cut.Contains((node.Name, other.Name))) continue;
                ulong echo = Cut.Contains((other.Name, node.Name)) ? 0 : (ulong)Now.Nanoseconds;
                other.Engine.OnBeat(Now, NodeId.FromName(node.Name), node.Incarnation, Now, (ulong)Now.Nanoseconds, echo, extension);
            }
        }
    }
}
