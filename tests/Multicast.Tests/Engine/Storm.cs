using System.Security.Cryptography;
using Appliance.Multicast;
using Appliance.Multicast.Protocol;

namespace Appliance.Tests.Multicast.Engine;

/// <summary>Random loss, reordering, duplication, sizes and batches from one seed. The simulator does more; this one needs nothing but the engine.</summary>
public sealed class Storm
{
    [Theory, Trait("Demand", "A13")]
    [InlineData(1, 2, 0.0)]
    [InlineData(2, 3, 0.01)]
    [InlineData(3, 4, 0.1)]
    [InlineData(4, 5, 0.3)]
    [InlineData(5, 9, 0.05)]
    [InlineData(6, 10, 0.2)]
    public void Streams_arrive_whole_in_order_and_once(int seed, int nodes, double loss)
    {
        using var group = TestGroup.Of(nodes, o => o with { LagTimeout = TimeSpan.FromSeconds(20), DeadAfter = TimeSpan.FromSeconds(2) });
        var random = new Random(seed);
        group.Loses = _ => random.NextDouble() < loss;
        group.Delays = _ => random.NextDouble() < 0.05 ? TimeSpan.FromMicroseconds(random.Next(2000)) : TimeSpan.Zero;
        var sent = new Dictionary<string, List<string>>();
        foreach (var node in group.Nodes) sent[node.Name] = [];

        for (int round = 0; round < 300; round++)
        {
            var node = group.Nodes[random.Next(nodes)];
            int batch = random.Next(5) == 0 ? random.Next(1, 40) : 1;
            for (int i = 0; i < batch; i++)
            {
                int length = random.Next(30) switch { 0 => random.Next(5000, 100_000), < 5 => random.Next(1000, 3000), _ => random.Next(0, 300) };
                if (batch > 1) length = Math.Min(length, 6000);
                string message = $"{node.Name}{round}.{i}:" + new string('x', length);
                var options = i < batch - 1 ? PublishOptions.BatchContinues : random.Next(4) == 0 ? PublishOptions.AcknowledgeNow : PublishOptions.None;
                while (!node.Publish(message, options))
                {
                    Assert.Equal(0, i);
                    group.Run(milliseconds: 1);
                }
                sent[node.Name].Add(message);
            }
            if (random.Next(3) == 0) node.Flush();
            if (random.Next(2) == 0) group.Run(milliseconds: random.NextDouble() * 2);
        }
        foreach (var node in group.Nodes) node.Flush();
        group.Loses = static _ => false;
        bool all = group.RunUntil(() => group.Nodes.All(n => group.Nodes.All(m => m == n || m.Messages(n.Name).Count() == sent[n.Name].Count)), 5000);

        foreach (var from in group.Nodes)
        {
            foreach (var to in group.Nodes.Where(n => n != from))
            {
                Assert.Equal(sent[from.Name].Count, to.Messages(from.Name).Count());
                Assert.True(sent[from.Name].SequenceEqual(to.Messages(from.Name)), $"{from.Name} -> {to.Name}, seed {seed}");
                Assert.Empty(to.Gaps);
            }
        }
        Assert.True(all);
        Assert.All(group.Nodes, n => Assert.Equal(0, n.Counters.Ejections));
        Assert.True(loss == 0 || group.Nodes.Sum(static n => n.Counters.RepairsSent) > 0);
    }
}
