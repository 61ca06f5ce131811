using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Secondaries that become primaries, and primaries that become secondaries (ARCHITECTURE 6, takeover order; 3, the cut).</summary>
public sealed class PromotionTests
{
    [Fact, Trait("Demand", "A2")]
    public void A_promoted_secondary_that_has_everything_serves_after_one_round_of_messages_and_no_connection()
    {
        using MirrorCluster group = Group();
        for (int i = 0; i < 100; i++) group["a"].Set($"k{i}", "v");
        group.RunUntilQuiet();
        string before = MirrorCluster.Dump(group["b"]);
        int connections = group.OpenedChannels;
        group.Kill("a");
        FakeNode b = group.Elect("b", 2);
        Assert.Equal(WriteRefusal.Recovering, b.Store.CheckWrite("k"u8, 1));
        group.Run(3); // the question, the answer, the cut: a message takes a millisecond here
        Assert.Equal(["serving 2"], b.Roles.Told);
        Assert.Equal(before, MirrorCluster.Dump(b));
        b.Set("k", "term 2");
        group.RunUntilQuiet();
        Assert.Equal("term 2", group["c"].Get("k"));
        Assert.Equal(connections, group.OpenedChannels);
        Assert.Equal(0, group["c"].Mirror.Counters.Discarded);
        group.AssertAlike();
    }

    private static MirrorCluster Group(params ClassOptions[] classes) =>
        new(options => MirrorCluster.Elected(options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, WhenShort.Refuse, "cart:*"), .. classes] }), "a", "b", "c");
}
