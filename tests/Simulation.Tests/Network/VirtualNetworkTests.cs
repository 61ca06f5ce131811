using Appliance.Tests.Shared;
using Appliance.Tests.Simulation.Kernel;

namespace Appliance.Tests.Simulation.Network;

/// <summary>Faults of the virtual network do what they say.</summary>
public sealed class VirtualNetworkTests
{
    private readonly EventQueue _queue = new();

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    [InlineData(0.3)]
    public void A_link_loses_its_share(double loss)
    {
        VirtualNetwork network = Make();
        network.Link(0, 1).Loss = loss;
        for (int i = 0; i < 20_000; i++) network.SendToGroup(0, new byte[100], 100, SocketKind.Group);
        Chance.Explains(loss, 20_000, network.Counters.Lost, "datagrams were lost");
    }

    [Fact]
    public void A_multicast_cut_lets_unicast_through()
    {
        VirtualNetwork network = Make();
        network.Link(0, 1).MulticastCuts = 1;
        network.SendToGroup(0, new byte[100], 100, SocketKind.Group);
        Assert.Equal([2], Arrivals());
        network.SendTo(0, network.EndPointOf(1), new byte[100]);
        Assert.Equal([1], Arrivals());
    }

    [Fact]
    public void A_one_way_cut_stops_one_direction()
    {
        VirtualNetwork network = Make();
        network.Link(0, 1).Cuts = 1;
        network.SendTo(0, network.EndPointOf(1), new byte[100]);
        network.SendTo(1, network.EndPointOf(0), new byte[100]);
        Assert.Equal([0], Arrivals());
        Assert.False(network.Connected(0, 1));
    }

    [Fact]
    public void An_unplugged_node_neither_sends_nor_receives()
    {
        VirtualNetwork network = Make();
        network.SetPlugged(1, false);
        network.SendToGroup(0, new byte[100], 100, SocketKind.Group);
        network.SendToGroup(1, new byte[100], 100, SocketKind.Group);
        Assert.Equal([2], Arrivals());
    }

    [Fact]
    public void Jitter_alone_does_not_reorder()
    {
        VirtualNetwork network = Make();
        network.Link(0, 1).Jitter = 1_000_000;
        network.Link(0, 2).Cuts = 1;
        for (int i = 0; i < 1000; i++)
        {
            network.Now = i * 1000;
            network.SendToGroup(0, BitConverter.GetBytes(i), 4, SocketKind.Group);
        }
        for (int i = 0; i < 1000; i++) Assert.Equal(i, BitConverter.ToInt32(network.Packets[_queue.Take().Argument].Bytes));
    }

    [Fact]
    public void A_run_of_datagrams_arrives_as_single_datagrams()
    {
        VirtualNetwork network = Make();
        network.SendToGroup(0, new byte[250], 100, SocketKind.Group);
        Assert.Equal([1, 2, 1, 2, 1, 2], Arrivals());
    }

    private VirtualNetwork Make() => new(3, _queue, new SimulationRandom(1), loopsBack: false, corruptionReachesReceivers: true);

    private List<int> Arrivals()
    {
        List<int> nodes = [];
        while (_queue.Count > 0) nodes.Add(_queue.Take().Node);
        return nodes;
    }
}
