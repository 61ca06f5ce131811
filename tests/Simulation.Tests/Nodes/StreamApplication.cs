using Appliance.Multicast;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Network;
using Appliance.Tests.Simulation.Oracle;
using Appliance.Tests.Simulation.Workload;

namespace Appliance.Tests.Simulation.Nodes;

/// <summary>
/// An application that checks everything the group tells it. It stands for the state layer where only the engine is under test: after a gap it is
/// not synchronised until it has obtained a snapshot (whose contents here are positions only) from a synchronised member.
/// </summary>
internal sealed class StreamApplication : INodeApplication
{
    private readonly SimulatedNode _node;
    private readonly StreamWorld _world;
    private readonly LifeLedger _life;
    private readonly Publisher _publisher;
    private readonly long _started;
    private LifeLedger? _source;
    private long _transferDone = long.MaxValue;
    private long _nextAttempt;

    internal StreamApplication(SimulatedNode node, StreamWorld world, long time)
    {
        _node = node;
        _world = world;
        _life = world.Ledger.Begin(node.Index, node.Self, node.Incarnation);
        _publisher = new Publisher(node, _life, world);
        _started = time;
        _nextAttempt = time;
    }

    /// <summary>What this life published and received.</summary>
    internal LifeLedger Life => _life;

    /// <summary>What it wants to publish.</summary>
    internal Publisher Publisher => _publisher;

    /// <inheritdoc/>
    public long NextDeadline => Math.Min(_publisher.NextDeadline, _life.Synchronised ? long.MaxValue : _source is null ? _nextAttempt : _transferDone);

    /// <inheritdoc/>
    public void OnRound(long time)
    {
        if (!_life.Synchronised) Synchronise(time);
        _publisher.Publish(time);
    }

    /// <inheritdoc/>
    public void OnDeliver(GroupMember sender, ulong throughSequence, MessageRun run)
    {
        ReceivedStream received = Stream(sender);
        _world.Trace.Traffic(_world.Time, _node.Index, "delivered of stream, through", received.Stream.Number, (long)throughSequence);
        received.Deliver(throughSequence, run);
    }

    /// <inheritdoc/>
    public void OnStreamGap(GroupMember sender, ulong from, ulong through, GapReason reason)
    {
        ReceivedStream received = Stream(sender);
        _world.Trace.Event(_world.Time, _node.Index, $"gap ({reason}) in stream, from, through", received.Stream.Number, (long)from, (long)through);
        _world.Totals.Gap(reason);
        received.Gap(from, through);
        _world.Expectations.OnGap(_life, received, from, through, reason);
        SetSynchronised(false);
    }

    /// <inheritdoc/>
    public void OnMemberChanged(GroupMember member, MemberChange change)
    {
        _world.Trace.Event(_world.Time, _node.Index, $"{member.Name}: {change}", (long)member.Incarnation);
        _world.Totals.Change(change);
        LifeLedger other = _world.Ledger.Of(member);
        if (change == MemberChange.Suspected) _world.Expectations.OnSuspected(_life, other);
        if (change == MemberChange.Left) _world.Expectations.OnLeft(_life, other);
        if (other == _life) throw new InvariantViolation($"{_node.Name} sees itself as a member");
    }

    /// <inheritdoc/>
    public void OnProgress() => CheckAcknowledgements();

    /// <inheritdoc/>
    public void OnWindowOpen() => _publisher.OnWindowOpen();

    /// <inheritdoc/>
    public void OnLeaving() => _life.SaidGoodbye = true;

    /// <inheritdoc/>
    public void OnDrained()
    {
        foreach (GroupMember member in _node.Members)
        {
            LifeLedger life = _world.Ledger.Of(member);
            if (!member.WaitedFor || !life.Running) continue;
            ulong received = life.Received(_life.Published).Through;
            // Cut off before it could say that it knows this stream, or it does not know it yet: P-86 does not wait for it.
            if (received == 0 && (!_world.Network.Connected(_node.Index, life.Node) || !_world.Nodes[life.Node].Members.Any(known => known.State == MemberState.Live && _world.Ledger.Of(known) == _life))) continue;
            if (received < _life.Published.Through)
                throw new InvariantViolation($"{_node.Name} left although {member.Name} got its stream through {received} of {_life.Published.Through}");
        }
    }

    /// <summary>What is acknowledged is applied: a member that claims to have applied a sequence has been given everything through it.</summary>
    internal void CheckAcknowledgements()
    {
        IReadOnlyList<GroupMember> members = _node.Members;
        for (int i = 0; i < members.Count; i++)
        {
            GroupMember member = members[i];
            if (member.AppliedThrough == 0 && member.ReceivedThrough == 0) continue;
            ReceivedStream received = _world.Ledger.Of(member).Received(_life.Published);
            if (member.AppliedThrough > received.Through || (received.OpenGapFrom > 0 && member.AppliedThrough >= received.OpenGapFrom))
            {
                throw new InvariantViolation(
                    $"{_node.Name} believes that {member.Name}/{member.Incarnation} applied through {member.AppliedThrough}; it got through {received.Through}, open gap from {received.OpenGapFrom}");
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _life.Running = false;
        _life.EndedAt = _world.Time;
        _life.Synchronised = false;
    }

    private ReceivedStream Stream(GroupMember sender)
    {
        if (sender.Tag is ReceivedStream known) return known;
        ReceivedStream received = _life.Received(sender);
        sender.Tag = received;
        return received;
    }

    private void SetSynchronised(bool synchronised)
    {
        if (_life.Synchronised == synchronised) return;
        _life.Synchronised = synchronised;
        _source = null;
        _transferDone = long.MaxValue;
        _world.Trace.Event(_world.Time, _node.Index, synchronised ? "is synchronised" : "is no longer synchronised");
        _node.DeclareSynchronised(synchronised);
    }

    private void Synchronise(long time)
    {
        if (_source is not null)
        {
            if (time < _transferDone) return;
            bool complete = _source.Running && _source.Synchronised && _world.Network.Connected(_node.Index, _source.Node) && Covers(_source);
            if (complete)
            {
                _world.Totals.Snapshots++;
                foreach (ReceivedStream received in _life.AllReceived) received.CloseGaps();
                SetSynchronised(true);
                return;
            }
            _source = null;
            _nextAttempt = time + 10_000_000;
        }
        if (time < _nextAttempt) return;
        _source = ChooseSource();
        if (_source is not null)
        {
            _transferDone = time + _world.Random.Between(1_000_000L, 300_000_000);
        }
        else
        {
            _transferDone = long.MaxValue;
            _nextAttempt = time + 20_000_000;
            if (MayFound(time)) SetSynchronised(true);
        }
    }

    private LifeLedger? ChooseSource()
    {
        IReadOnlyList<GroupMember> members = _node.Members;
        int first = members.Count == 0 ? 0 : _world.Random.Below(members.Count);
        for (int i = 0; i < members.Count; i++)
        {
            GroupMember member = members[(first + i) % members.Count];
            if (member.State == MemberState.Live && member.Synchronised) return _world.Ledger.Of(member);
        }
        return null;
    }

    private bool Covers(LifeLedger source)
    {
        foreach (ReceivedStream received in _life.AllReceived)
        {
            if (received.OpenGapFrom == 0 || received.Stream == source.Published) continue;
            ulong through = source.Received(received.Stream).Through;
            if (through >= received.GapThrough) continue;
            if (_world.Ledger.Lives[received.Stream.Number].Running) return false;
            if (through == 0) continue; // it began later: what that life left, it got by its own snapshot
            if (_world.Ledger.Lives.Any(other => other.Running && other.Received(received.Stream).Has(through + 1, through + 1))) return false; // what nobody has died with its sender
        }
        return true;
    }

    // Nobody is synchronised any more: the running node with the lowest index begins anew with what there is.
    private bool MayFound(long time)
    {
        if (time - _started < 500_000_000 || !_world.IsLowestRunning(_node.Index)) return false;
        foreach (LifeLedger life in _world.Ledger.Lives)
        {
            if (life.Running && life.Synchronised) return false;
        }
        foreach (ReceivedStream received in _life.AllReceived) received.CloseGaps();
        return true;
    }
}
