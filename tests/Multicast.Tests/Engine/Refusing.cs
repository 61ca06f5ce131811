using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

/// <summary>What is refused for long is remembered with its sender, so that an operator can find it (P-09).</summary>
public sealed class Refusing
{
    [Fact]
    public void A_clone_that_goes_on_asking_is_known_to_its_twin_and_to_the_others_by_its_address()   // P-35
    {
        using var group = TestGroup.Of(3);
        var twin = group["b"];
        var clone = group.Start("b", incarnation: 2);
        group.Run(milliseconds: 4000);

        Assert.Equal(clone.EndPoint, twin.Engine.Refused.SourceOf(group.Now, DropReason.OwnIdElsewhere));
        Assert.Equal(clone.EndPoint, group["a"].Engine.Refused.SourceOf(group.Now, DropReason.NodeAlive));
        Assert.True(RefusedTraffic.Lasts(group.Now, clone.Engine.LastRefusal!.Since, clone.Engine.LastRefusal.At));
        group.Kill(clone);
        group.Run(milliseconds: 6000);
        Assert.Null(twin.Engine.Refused.SourceOf(group.Now, DropReason.OwnIdElsewhere));
    }

    [Fact]
    public void A_node_with_another_key_is_known_by_its_address_on_both_sides()                       // P-13
    {
        using var group = TestGroup.Of(2);
        var stranger = group.Start("c", configure: static options => options with { Keys = [new GroupKey(1, new byte[32])] });
        group.Run(milliseconds: 4000);

        Assert.Equal(stranger.EndPoint, group["a"].Engine.Refused.SourceOf(group.Now, DropReason.NotAuthentic));
        Assert.NotNull(stranger.Engine.Refused.SourceOf(group.Now, DropReason.NotAuthentic));
    }

    [Fact]
    public void Another_group_is_known_by_its_address()
    {
        using var group = TestGroup.Of(2);
        var foreigner = group.Start("x", configure: static options => options with { GroupName = "other" });
        group.Run(milliseconds: 4000);

        Assert.Equal(foreigner.EndPoint, group["a"].Engine.Refused.SourceOf(group.Now, DropReason.ForeignGroup));
    }

    [Fact]
    public void A_single_damaged_datagram_is_no_news()
    {
        using var group = TestGroup.Of(2);
        byte[]? seen = null;
        group.Sees = packet => seen ??= packet.Type == DatagramType.Join ? packet.Bytes : null;
        Assert.True(group.RunUntil(() => seen is not null, 3000));
        byte[] damaged = [.. seen!];
        damaged[^1] ^= 1;
        group.Inject(group["a"], damaged);
        group.Run(milliseconds: 100);

        Assert.True(group["a"].Counters.Dropped(DropReason.NotAuthentic) > 0);
        Assert.Null(group["a"].Engine.Refused.SourceOf(group.Now, DropReason.NotAuthentic));
    }

    [Fact]
    public void A_restart_that_was_too_quick_is_refused_and_forgotten_when_it_is_let_in()             // P-33
    {
        using var group = TestGroup.Of(3);
        group.Kill(group["b"]);
        var reborn = group.Start("b", incarnation: 2);
        group.Run(milliseconds: 20);
        Assert.Equal(RefusalReason.NodeAlive, reborn.Engine.LastRefusal?.Reason);

        Assert.True(group.RunUntil(() => reborn.Engine.Members.Count(static member => member.State == MemberState.Live) == 2, 5000));
        group.Run(milliseconds: 500);

        Assert.Null(reborn.Engine.LastRefusal);
        Assert.Null(group["a"].Engine.Refused.SourceOf(group.Now, DropReason.NodeAlive));
    }
}
