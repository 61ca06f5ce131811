using Appliance.Multicast;

namespace Appliance.Tests.Multicast.Engine;

/// <summary>A handler that is told things and does nothing.</summary>
internal sealed class NoHandler : IGroupHandler
{
    public long Messages { get; private set; }

    public void OnDeliver(GroupMember sender, ulong throughSequence, MessageRun run)
    {
        foreach (var _ in run) Messages++;
    }

    public void OnStreamGap(GroupMember sender, ulong from, ulong through, GapReason reason) { }
    public void OnMemberChanged(GroupMember member, MemberChange change) { }
    public void OnProgress() { }
    public void OnWindowOpen() { }
}
