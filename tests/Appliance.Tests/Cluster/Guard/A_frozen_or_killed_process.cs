using Appliance.Cluster.Guard;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.Cluster.Guard;

/// <summary>ARCHITECTURE section 6: the fence is in the kernel, because a frozen process's kernel still answers.</summary>
public sealed class A_frozen_or_killed_process
{
    private static readonly TimeSpan Lease = TimeSpan.FromMilliseconds(100), Listening = TimeSpan.FromMilliseconds(300), Patience = TimeSpan.FromSeconds(20);

    [RootTheory, Trait("Demand", "A2"), Trait("Demand", "E8")]
    [InlineData(nameof(GuardAttachment.Tcx))]
    [InlineData(nameof(GuardAttachment.Clsact))]
    public void Falls_silent_at_its_deadline_and_its_successor_answers_again(string attachment)
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(Enum.Parse<GuardAttachment>(attachment));
        pair.AddToHost(HostAndClient.Floating, HostAndClient.Floating6);
        using var floating = new Pinger(pair.Client, HostAndClient.Floating);
        using var floating6 = new Pinger(pair.Client, HostAndClient.Floating6);
        using var own = new Pinger(pair.Client, HostAndClient.HostAddress);
        GuardHolder Start() => new(pair.Host, place.Options, HostAndClient.HostLink, Lease, HostAndClient.Floating, HostAndClient.Floating6);
        Timestamp AssertSilent()
        {
            Timestamp deadline = place.DeadlineInKernel(), end = Timestamp.Max(deadline, EventLoop.ReadClock()) + Listening;
            foreach (Pinger pinger in new[] { floating, floating6, own }) pinger.PingUntil(end);
            foreach (Pinger pinger in new[] { floating, floating6 })
            {
                (int sent, int answered) = pinger.Between(deadline, end);
                Assert.InRange(sent, 20, int.MaxValue);
                Assert.Equal(0, answered);
            }
            Assert.InRange(own.Between(deadline, end).Answered, 10, int.MaxValue);
            Assert.Equal(deadline, place.DeadlineInKernel());
            return deadline;
        }
        void AssertAnswers()
        {
            Assert.True(floating.WaitForAnswer(Patience));
            Assert.True(floating6.WaitForAnswer(Patience));
        }

        using GuardHolder first = Start();
        Assert.Equal("holding", first.FirstLine);
        AssertAnswers();
        first.Freeze();
        AssertSilent();

        using (GuardHolder refused = Start()) Assert.StartsWith("InUse: ", refused.FirstLine, StringComparison.Ordinal);
        first.Thaw();
        AssertAnswers();

        first.Kill();
        AssertSilent();

        using GuardHolder second = Start();
        Assert.Equal("holding", second.FirstLine);
        AssertAnswers();
        second.Kill();
        AssertSilent();

        Assert.True(pair.Host.Run(() => LeaseGuard.Uninstall(place.Options)));
        AssertAnswers();
        Assert.False(pair.Host.Run(() => LeaseGuard.Uninstall(place.Options)));
    }
}
