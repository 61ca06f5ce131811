using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 1: what the primary was told, all nodes hold, also on a lossy network.</summary>
[Trait("Demand", "A12"), Trait("Demand", "A13")]
public sealed class Mirror_under_loss
{
    [RootFact]
    public void A_write_by_redis_cli_on_the_primary_is_readable_on_both_secondaries()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        Shell.RunIn(lab.ClientNamespace, "redis-cli", "-h", $"{lab.Primary.Address}", "-p", $"{lab.RespPort}", "SET", "greeting", "hello");

        Assert.Equal(2, lab.Secondaries.Count);
        foreach (LabNode node in lab.Secondaries)
        {
            Until.True($"{node.Id} holds the write", TimeSpan.FromSeconds(5), () =>
                Shell.RunIn(lab.ClientNamespace, "redis-cli", "-h", $"{node.Address}", "-p", $"{lab.RespPort}", "GET", "greeting").Trim() == "hello");
        }
    }

    [RootFact]
    public void Random_commands_under_loss_leave_all_nodes_equal_to_the_model()
    {
        const int percent = 1;
        int commands = TestCounts.Of("system.mirror.commands");
        int seed = Environment.TickCount;
        var model = new KeyModel(seed, keys: Math.Max(1000, commands / 20));
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        lab.Lab("loss", $"{percent}");
        using RespClient writer = lab.Connect(lab.Primary);

        for (int sent = 0; sent < commands;)
        {
            int replies = 0;
            long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
            for (int i = 0; i < 400 && sent < commands; i++, sent++) replies += model.QueueOne(writer, now);
            writer.Flush();
            for (int i = 0; i < replies; i++)
            {
                RespReply reply = writer.Read();
                Assert.False(reply.IsError, $"seed {seed}: {reply}");
            }
        }

        TestCounts.Reached("system.mirror.commands", commands);
        LossAssert.WasReal(lab, percent);
        foreach (LabNode node in lab.Nodes)
        {
            using RespClient reader = lab.Connect(node);
            Until.True($"seed {seed}: {node.Id} holds {model.Count} live keys", TimeSpan.FromSeconds(30), () => reader.Call("DBSIZE").Text == model.Count.ToString());
            List<string> differences = [];
            Until.True($"seed {seed}: {node.Id} equals the model", TimeSpan.FromSeconds(30), () => (differences = model.Differences(reader)).Count == 0 || Report(differences));
        }

        static bool Report(List<string> differences)
        {
            Console.WriteLine(string.Join('\n', differences));
            return false;
        }
    }
}
