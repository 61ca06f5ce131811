using Appliance.Listeners;
using Appliance.Listeners.Connections;

namespace Appliance.Tests.Relay;

public sealed class Connection_memory
{
    [Theory]
    [InlineData(1, 0), InlineData(100, 0), InlineData(10_000, 0), InlineData(100, 64 << 20), InlineData(10_000, 256 << 20)]
    public void Never_runs_out_while_each_direction_lends_only_what_it_may_read(int connections, long limit)
    {
        using var memory = new ConnectionMemory(Math.Max(limit, ConnectionMemory.RequiredBytes(connections)), connections);
        var blocks = new List<NativeBlock>();

        for (int direction = 0; direction < 2 * connections; direction++)
        {
            Assert.InRange(memory.ReadBytes, ConnectionMemory.SmallestReadBytes, ConnectionMemory.LargestReadBytes);
            Assert.True(memory.Pool.TryRent(memory.ReadBytes, out NativeBlock block), $"direction {direction} of {2 * connections} got no memory");
            blocks.Add(block);
        }

        for (int i = 0; i < blocks.Count; i++)
        {
            NativeBlock block = blocks[i];
            memory.Pool.Return(ref block);
        }
        Assert.Equal(0, memory.Pool.LentBytes);
        Assert.Equal(ConnectionMemory.LargestReadBytes, memory.ReadBytes);
    }
}
