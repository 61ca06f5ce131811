using Appliance.Multicast;
using Appliance.State;
using Appliance.Tests.Simulation.Mirroring.Oracle;
using Appliance.Tests.Simulation.Mirroring.Synchronisation;
using Appliance.Tests.Simulation.Nodes;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>The real mirror on a simulated node, for one life, hosted as the product hosts it.</summary>
internal sealed class MirrorApplication : INodeApplication
{
    private const byte CutType = 2;
    private readonly MirrorWorld _world;
    private bool _touched;

    internal MirrorApplication(SimulatedNode node, MirrorWorld world)
    {
        Node = node;
        _world = world;
        Life = world.Begin(node);
        Group = new ObservedGroup(node, Life, world);
        Mirror = new StateMirror(world.MirrorPlan.OptionsOf(node, world.Hash), world.Synchronisation!.Of(this), world.Terms[node.Index], OnLog);
        Client = new MirrorClient(this, world);
    }

    /// <summary>The node.</summary>
    internal SimulatedNode Node { get; }

    /// <summary>This life.</summary>
    internal MirrorLife Life { get; }

    /// <summary>What the mirror publishes to.</summary>
    internal ObservedGroup Group { get; }

    /// <summary>The mirror.</summary>
    internal StateMirror Mirror { get; }

    /// <summary>Its only service.</summary>
    internal MirroredService Service => Mirror.Services[0];

    /// <summary>Who writes here while this node is the primary.</summary>
    internal MirrorClient Client { get; }

    /// <summary>Channels that this life has open.</summary>
    internal List<SimulatedSyncChannel> Channels { get; } = [];

    /// <inheritdoc/>
    public long NextDeadline
    {
        get
        {
            long next = Math.Min(Node.Clock.VirtualTimeOf(Mirror.NextDeadline), Client.NextDeadline);
            foreach (SimulatedSyncChannel channel in Channels) next = Math.Min(next, channel.NextArrival);
            return next;
        }
    }

    /// <summary>The engine exists.</summary>
    internal void Begin()
    {
        Mirror.Start(Group);
        Client.Begin();
    }

    /// <inheritdoc/>
    public void OnRound(long time)
    {
        for (int i = Channels.Count - 1; i >= 0; i--)
        {
            if (i < Channels.Count) _touched |= Channels[i].Deliver(time);
        }
        Client.OnRound(time);
        bool wasComplete = Service.IsComplete;
        Mirror.OnRoundEnd(Node.Now);
        if (!_touched && wasComplete == Service.IsComplete) return;
        _touched = false;
        _world.Watch.AfterRound(this);
    }

    /// <inheritdoc/>
    public void OnDeliver(GroupMember sender, ulong throughSequence, MessageRun run)
    {
        foreach (ReadOnlySpan<byte> message in run)
        {
            if (!message.IsEmpty && message[0] == CutType) Life.KnownTerm = Math.Max(Life.KnownTerm, _world.History.TermOf(System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(message[8..])).Number);
        }
        _touched = true;
        Mirror.OnDeliver(sender, throughSequence, run);
    }

    /// <inheritdoc/>
    public void OnStreamGap(GroupMember sender, ulong from, ulong through, GapReason reason)
    {
        _world.Trace.Event(_world.Time, Node.Index, $"gap ({reason}) in stream of {sender.Name}, from, through", (long)from, (long)through);
        _world.Totals.Gap(reason);
        Mirror.OnStreamGap(sender, from, through, reason);
    }

    /// <inheritdoc/>
    public void OnMemberChanged(GroupMember member, MemberChange change)
    {
        _world.Trace.Event(_world.Time, Node.Index, $"{member.Name}: {change}", (long)member.Incarnation);
        _world.Totals.Change(change);
        Mirror.OnMemberChanged(member, change);
    }

    /// <inheritdoc/>
    public void OnProgress() => Mirror.OnProgress();

    /// <inheritdoc/>
    public void OnWindowOpen() => Mirror.OnWindowOpen();

    /// <inheritdoc/>
    public void OnLeaving()
    {
    }

    /// <inheritdoc/>
    public void OnDrained()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Life.IsRunning = false;
        if (_world.Nodes[_world.MirrorPlan.Primary] is { Alive: true, Application: MirrorApplication primary } && primary != this) primary.Client.NoteHolder(this);
        for (int i = Channels.Count - 1; i >= 0; i--) Channels[i].Close();
        _world.MirrorTotals.Add(Mirror.Counters);
        _world.MirrorTotals.AcceptedShort += Service.Publisher.AcceptedShort;
        Mirror.Dispose();
    }

    private void OnLog(MirrorEvent kind, string text)
    {
        _world.Trace.Event(_world.Time, Node.Index, $"{kind}: {text}");
        _world.MirrorTotals.Log(kind);
        if (kind is MirrorEvent.Lost) Life.ReportedLoss = true;
    }
}
