using Appliance.Cluster.Failover;
using Appliance.Multicast;
using Appliance.State;
using Microsoft.Extensions.Logging;

namespace Appliance.Host;

/// <summary>Passes what the group tells on to mirror and elections, and logs what an operator wants to know. Loop thread.</summary>
internal sealed class GroupEvents : IGroupHandler
{
    private readonly StateMirror _mirror;
    private readonly Failover _failover;
    private readonly ILogger _log;

    internal GroupEvents(StateMirror mirror, Failover failover, ILogger log)
    {
        _mirror = mirror;
        _failover = failover;
        _log = log;
    }

    /// <inheritdoc/>
    public void OnDeliver(GroupMember sender, ulong throughSequence, MessageRun run) => _mirror.OnDeliver(sender, throughSequence, run);

    /// <inheritdoc/>
    public void OnStreamGap(GroupMember sender, ulong from, ulong through, GapReason reason)
    {
        // A node that joins late meets this for every member: it says so when its services are synchronised.
        if (reason != GapReason.JoinedLate) NodeLog.MemberTrouble(_log, sender.Name, "gap", $"sequences {from} to {through} will not arrive ({reason}); resynchronising");
        _mirror.OnStreamGap(sender, from, through, reason);
        _mirror.Connections?.OnStreamGap(sender);
    }

    /// <inheritdoc/>
    public void OnMemberChanged(GroupMember member, MemberChange change)
    {
        Log(member, change);
        _mirror.OnMemberChanged(member, change);
        _failover.OnMemberChanged(change);
        _mirror.Connections?.OnMemberChanged(change);
    }

    /// <inheritdoc/>
    public void OnBeat(GroupMember member, Timestamp receivedAt, ulong beatSent, ulong echoedSent, uint heldMicroseconds, ReadOnlySpan<byte> extension) =>
        _failover.OnBeat(member, receivedAt, beatSent, echoedSent, extension);

    /// <inheritdoc/>
    public void OnProgress()
    {
        _mirror.OnProgress();
        _mirror.Connections?.OnProgress();
    }

    /// <inheritdoc/>
    public void OnWindowOpen()
    {
        _mirror.OnWindowOpen();
        _mirror.Connections?.OnWindowOpen();
    }

    /// <summary>Logs what the mirror says, at the level that its kind suggests.</summary>
    internal static void Log(ILogger log, MirrorEvent kind, string text)
    {
        switch (kind)
        {
            case MirrorEvent.Progress or MirrorEvent.Synchronised: NodeLog.Note(log, text); break;
            case MirrorEvent.Lost: NodeLog.Lost(log, text); break;
            default: NodeLog.Warning(log, text); break;
        }
    }

    private void Log(GroupMember member, MemberChange change)
    {
        switch (change)
        {
            case MemberChange.Suspected:
                NodeLog.MemberTrouble(_log, member.Name, "suspected", $"not heard for longer than dead-after, incarnation {member.Incarnation}");
                break;
            case MemberChange.Ejected:
                NodeLog.MemberTrouble(_log, member.Name, "ejected", "it lagged past the limit; this node waits for it no longer until it has resynchronised");
                break;
            case MemberChange.PathChanged when member.ByUnicast:
                NodeLog.MemberTrouble(_log, member.Name, "by unicast", "multicast does not arrive there");
                break;
            case MemberChange.PathChanged:
                NodeLog.MemberChanged(_log, member.Name, "by multicast again", member.Incarnation);
                break;
            case MemberChange.SynchronisedChanged:
                NodeLog.MemberChanged(_log, member.Name, member.Synchronised ? "synchronised" : "not synchronised", member.Incarnation);
                break;
            default:
                NodeLog.MemberChanged(_log, member.Name, change.ToString().ToLowerInvariant(), member.Incarnation);
                break;
        }
    }
}
