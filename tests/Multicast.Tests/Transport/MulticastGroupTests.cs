using System.Net;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Tests.Multicast.Transport;

[Collection("real sockets")]
public sealed class MulticastGroupTests
{
    public static TheoryData<bool, bool, bool> Paths => new()
    {
        // multicast, sealed, offloads
        { true, true, true },
        { true, true, false },
        { true, false, true },
        { false, true, true },
        { false, true, false },
    };

    [Theory, MemberData(nameof(Paths)), Trait("Demand", "A12"), Trait("Demand", "A13")]
    public void Everyone_gets_what_each_publishes_in_order(bool multicast, bool isSealed, bool offloads)
    {
        using var group = Trio(settings => settings with { UseMulticast = multicast, Sealed = isSealed, SegmentationOffload = offloads, ReceiveOffload = offloads });
        const long count = 20_000;
        foreach (TestMember member in group.Members) member.Publish(count);
        foreach (TestMember member in group.Members)
            foreach (TestMember other in group.Members.Where(other => other != member)) member.UntilDelivered(other, count);
        group.AssertSound();
    }

    [Fact]
    public void Messages_of_any_length_arrive_whole()
    {
        int[] lengths = [8, 100, 1300, 1400, 1500, 9000, 65_000, 300_000, 1 << 20];
        using var group = Trio(static settings => settings, number => lengths[number % lengths.Length]);
        group.A.Publish(90);
        group.B.UntilDelivered(group.A, 90);
        group.C.UntilDelivered(group.A, 90);
        group.AssertSound();
    }

    [Fact]
    public void A_batch_is_delivered_in_one_piece()
    {
        using var group = Trio(static settings => settings, static number => number % 2 == 0 ? 500 : 3000);
        const int batches = 50, each = 7;
        long number = 0;
        for (int i = 0; i < batches; i++)
        {
            group.A.Ask(() =>
            {
                for (int k = 0; k < each; k++, number++)
                {
                    byte[] message = new byte[number % 2 == 0 ? 500 : 3000];
                    message.AsSpan(8).Fill((byte)number);
                    BitConverter.TryWriteBytes(message, number);
                    if (!group.A.Group.TryPublish(message, k < each - 1 ? PublishOptions.BatchContinues : PublishOptions.None, out _)) return false;
                }
                group.A.Group.Flush();
                return true;
            });
        }
        group.B.UntilDelivered(group.A, batches * each);
        Assert.Equal(0, group.B.Ask(() => group.B.DeliveredFrom("a") % each));
        Assert.True(group.B.Ask(() => group.B.Batches) <= batches);
        group.AssertSound();
    }

    [Fact, Trait("Demand", "A14")]
    public void The_publisher_learns_what_each_member_has_applied()
    {
        using var group = Trio(static settings => settings);
        foreach (TestMember member in group.Members)
            member.Ask(() =>
            {
                member.Group.DeclareSynchronised(true);
                return true;
            });
        ulong sequence = group.A.Ask(() =>
        {
            group.A.Group.TryPublish(new byte[100], PublishOptions.AcknowledgeNow, out ulong published);
            return published;
        });
        group.A.Until(() => group.A.Group.Members.All(member => member.AppliedThrough >= sequence), "sees it applied by both");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Neither_publishing_nor_delivering_allocates(bool offloads)
    {
        using var group = Trio(settings => settings with { SegmentationOffload = offloads, ReceiveOffload = offloads });
        void Exchange(long total)
        {
            group.B.UntilDelivered(group.A, total);
            group.C.UntilDelivered(group.A, total);
        }
        const long warmUp = 100_000, measured = 200_000;
        group.A.Publish(warmUp);
        Exchange(warmUp);
        // The questions of this test allocate on the loop a little; so what is judged is bytes per message.
        long[] before = [.. group.Members.Select(static member => member.Ask(GC.GetAllocatedBytesForCurrentThread))];
        group.A.Publish(measured);
        Exchange(warmUp + measured);
        long[] after = [.. group.Members.Select(static member => member.Ask(GC.GetAllocatedBytesForCurrentThread))];
        for (int i = 0; i < before.Length; i++)
            Assert.True(after[i] - before[i] < measured / 100, $"{group.Members[i].Name}: {after[i] - before[i]} bytes for {measured} messages");
        group.AssertSound();
    }

    [Fact]
    public void A_node_whose_loop_hangs_falls_silent_and_is_heard_again_when_it_turns()
    {
        using var group = Trio(static settings => settings);
        using var release = new ManualResetEventSlim();
        group.B.Loop.Post(() => release.Wait());
        group.A.Until(() => group.A.Changes.Contains(("b", MemberChange.Suspected)), "suspects b");
        Assert.DoesNotContain(("c", MemberChange.Suspected), group.A.Ask(() => group.A.Changes.ToArray()));
        release.Set();
        group.A.Until(() => group.A.Changes.Contains(("b", MemberChange.Restored)), "hears b again");
        Assert.True(group.B.Ask(() => group.B.Group.ReadStatus()).Heartbeats.Withheld > 0);
    }

    [Fact]
    public void A_node_with_a_hanging_part_falls_silent_and_says_why()
    {
        using var group = Trio(static settings => settings);
        long counter = 0;
        group.B.Group.WatchProgress("listener", () => Volatile.Read(ref counter));
        group.A.Until(() => group.A.Changes.Contains(("b", MemberChange.Suspected)), "suspects b");
        Assert.Contains("'listener' does not advance: this node sends no heartbeats", group.B.Ask(() => group.B.Group.ReadStatus()).Warnings);
        group.B.Group.UnwatchProgress("listener");
        group.A.Until(() => group.A.Changes.Contains(("b", MemberChange.Restored)), "hears b again");
    }

    [Fact]
    public void A_goodbye_is_known_at_once_and_a_return_is_a_new_member()
    {
        using var group = Trio(static settings => settings);
        group.B.Dispose();
        group.A.Until(() => group.A.Changes.Contains(("b", MemberChange.Left)), "sees b leave");
        Assert.DoesNotContain(("b", MemberChange.Suspected), group.A.Ask(() => group.A.Changes.ToArray()));
        using TestMember again = TestMember.Join(TestMember.SettingsOf("b", 2) with { Incarnation = 2 });
        group.A.UntilMet(again);
        group.A.Publish(100);
        again.Until(() => again.DeliveredFrom("a") == 100, "gets what is published now");
    }

    [Fact]
    public void Status_tells_what_is_going_on()
    {
        using var group = Trio(static settings => settings with { SocketBufferBytes = 1 << 20 });
        group.A.Publish(1000);
        group.B.UntilDelivered(group.A, 1000);
        group.A.Until(() => group.A.Group.ReadStatus().Heartbeats is { Sent: > 0, Received: > 0 }, "beats and hears beats");
        MulticastStatus status = group.A.Ask(() => group.A.Group.ReadStatus());
        Assert.Equal("lo", status.Interface);
        Assert.True(status.StartUpTest.Passed, status.StartUpTest.Sentence);
        Assert.Equal(["b", "c"], status.Members.Select(static member => member.Name).Order());
        Assert.Equal(SendMethod.SegmentationOffload, status.SendMethod);
        Assert.True(status.ReceiveOffload);
        Assert.True(status.Transport.DatagramsSent > 0);
        Assert.True(status.Transport.OwnDatagramsIgnored > 0); // lo brings them back
        Assert.True(status.Heartbeats.Sent > 0);
        Assert.Contains(status.Protocol, static counter => counter.Value > 0);
        Assert.Equal(0, status.ReceiveDrops);
        Assert.Empty(status.Warnings);
    }

    [Fact]
    public void A_clone_with_the_same_name_is_refused_and_says_so()
    {
        using var group = Trio(static settings => settings);
        using TestMember clone = TestMember.Join(TestMember.SettingsOf("b", 7));
        clone.Until(() => clone.Group.ReadStatus().Refusal is not null, "is refused");
        Assert.Contains("'b' is alive", clone.Ask(() => clone.Group.ReadStatus().Refusal), StringComparison.Ordinal);
        group.B.Publish(100);
        group.A.UntilDelivered(group.B, 100);
        group.AssertSound();
    }

    [Fact]
    public void After_its_goodbye_a_node_refuses_what_is_still_written_and_what_was_written_arrives()
    {
        using var group = Trio(static settings => settings);
        group.A.Publish(500);
        bool accepted = group.A.Ask(() =>
        {
            group.A.Group.Leave();
            return group.A.Group.PublishableBytes > 0 || group.A.Group.TryPublish("late"u8, PublishOptions.None, out _);
        });
        Assert.False(accepted);
        group.B.UntilDelivered(group.A, 500);
        group.C.UntilDelivered(group.A, 500);
        group.AssertSound();
    }

    [Fact]
    public void Heartbeats_go_by_a_second_path_where_both_have_one_and_a_missing_card_is_told()
    {
        System.Net.IPAddress Second(int number) => TestMember.Address(number + 100);
        GroupSettings Ends(GroupSettings settings, System.Net.IPAddress own, params int[] others) =>
            settings with { SecondAddress = own, SecondPeers = [.. others.Select(other => new System.Net.IPEndPoint(Second(other), settings.Port + 1))] };
        using TestMember a = TestMember.Join(Ends(TestMember.SettingsOf("a", 1), Second(1), 2)), b = TestMember.Join(Ends(TestMember.SettingsOf("b", 2), Second(2), 1));
        using TestMember c = TestMember.Join(Ends(TestMember.SettingsOf("c", 3), System.Net.IPAddress.Parse("192.0.2.3"), 1, 2)); // for documentation (RFC 5737): on no host
        a.UntilMet(b, c);
        foreach ((TestMember from, TestMember to) in new[] { (a, b), (b, a) })
            to.Until(() => to.Group.Members.Any(member => member.Name == from.Name && member.LastHeardBySecondPath is not null), $"hears {from.Name} by the second path");
        c.Until(() => c.Group.ReadStatus().SecondPathErrno != 0, "cannot send from an address that it has not");
        Assert.Null(a.Ask(() => a.Group.Members.Single(static member => member.Name == "c").LastHeardBySecondPath));
        Assert.Equal(0, a.Ask(() => a.Group.ReadStatus().SecondPathErrno));
    }

    private static TestTrio Trio(Func<GroupSettings, GroupSettings> change, Func<long, int>? length = null) => new(change, length);

    private sealed class TestTrio : IDisposable
    {
        internal TestTrio(Func<GroupSettings, GroupSettings> change, Func<long, int>? length)
        {
            string[] names = ["a", "b", "c"];
            IPEndPoint[] peers = [.. names.Select(static (_, index) => new IPEndPoint(TestMember.Address(index + 1), 7770))];
            try
            {
                for (int i = 0; i < names.Length; i++)
                    Members[i] = TestMember.Join(change(TestMember.SettingsOf(names[i], i + 1) with { Peers = peers }), length);
                foreach (TestMember member in Members) member.UntilMet([.. Members.Where(other => other != member)]);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        internal TestMember[] Members { get; } = new TestMember[3];

        internal TestMember A => Members[0];

        internal TestMember B => Members[1];

        internal TestMember C => Members[2];

        internal void AssertSound() => Assert.All(Members, static member => Assert.Null(member.Ask(() => member.Failure)));

        public void Dispose()
        {
            foreach (TestMember? member in Members) member?.Dispose();
        }
    }
}
