using System.Text;
using Appliance.Listeners.Resp.Protocol;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.Resp.Commands;

public sealed class A_command_in_steady_state
{
    [Theory]
    [InlineData("GET k")]
    [InlineData("GET absent")]
    [InlineData("EXISTS k h")]
    [InlineData("MGET k k k")]
    [InlineData("HGET h a")]
    [InlineData("HGETALL h")]
    [InlineData("TTL k")]
    [InlineData("PING")]
    [InlineData("HELLO 2")]
    [InlineData("TIME")]
    [InlineData("WATCH k")]
    public void Allocates_nothing(string line)
    {
        using RespHarness harness = new();
        harness.Run("SET k v EX 100");
        harness.Run("HSET h a 1 b 2");
        byte[] scratch = new byte[100];
        RespArgument[] ranges = new RespArgument[16];
        InlineSplitter.TrySplit(Encoding.ASCII.GetBytes(line), ranges, scratch, out int count);
        Assert.Equal(0, Allocated.Least(() =>
        {
            for (int i = 0; i < 200; i++) harness.RunRaw(scratch, ranges.AsSpan(0, count));
        }, runs: 20));
    }
}
