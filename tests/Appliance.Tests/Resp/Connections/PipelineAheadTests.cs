using System.Text;
using Appliance.Listeners.Resp.Connections;

namespace Appliance.Tests.Appliance.Resp.Connections;

public sealed class PipelineAheadTests
{
    private const string Set = "*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$5\r\nvalue\r\n";
    private const string Get = "*2\r\n$3\r\nGET\r\n$4\r\nkey2\r\n";
    private const string Ping = "*1\r\n$4\r\nPING\r\n";

    [Fact]
    public void The_keys_of_pipelined_commands_are_loaded_before_the_first_runs()
    {
        using var harness = new RespHarness();

        Assert.Equal((Set + Ping + Get).Length, Load(harness, Set + Ping + Get));

        Assert.Equal(["k1", "key2"], harness.Store.Loaded);
        Assert.Equal(2, harness.Store.LoadedRecords);
    }

    [Fact]
    public void A_single_command_is_not_looked_at_twice()
    {
        using var harness = new RespHarness();

        Assert.Equal(Set.Length, Load(harness, Set));

        Assert.Empty(harness.Store.Loaded);
    }

    [Fact]
    public void A_long_pipeline_is_loaded_sixteen_commands_at_a_time()
    {
        using var harness = new RespHarness();

        Assert.Equal(16 * Get.Length, Load(harness, string.Concat(Enumerable.Repeat(Get, 40))));

        Assert.Equal(16, harness.Store.Loaded.Count);
    }

    [Fact]
    public void Every_prefix_of_a_pipeline_loads_only_keys_that_are_whole()
    {
        string pipeline = Set + Get + Ping + Set;
        for (int length = 0; length <= pipeline.Length; length++)
        {
            using var harness = new RespHarness();
            Assert.Equal(length, Load(harness, pipeline[..length]));
            Assert.All(harness.Store.Loaded, static key => Assert.Contains(key, (string[])["k1", "key2"]));
        }
    }

    [Theory]
    [InlineData("PING\r\nPING\r\n")]
    [InlineData("*2\r\n$99999999\r\nGET\r\n$2\r\nk1\r\n")]
    [InlineData("*-1\r\n*-1\r\n")]
    [InlineData("*2\r\n$-1\r\n$2\r\nk1\r\n")]
    [InlineData("*9999999\r\n$1\r\na\r\n")]
    [InlineData("*\r\n*\r\n$\r\n")]
    [InlineData("*2")]
    [InlineData("$3\r\nGET\r\n")]
    public void What_it_cannot_read_is_left_to_the_parser(string input)
    {
        using var harness = new RespHarness();

        Assert.Equal(input.Length, Load(harness, input));

        Assert.Empty(harness.Store.Loaded);
    }

    private static int Load(RespHarness harness, string input)
    {
        harness.Store.NotesLoads = true;
        return PipelineAhead.Load(Encoding.Latin1.GetBytes(input), harness.Store);
    }
}
