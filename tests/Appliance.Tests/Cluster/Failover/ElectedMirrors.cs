using Appliance.Cluster.Elections;
using Appliance.Cluster.Failover;
using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;
using Appliance.Tests.Appliance.Cluster.Elections;
using Appliance.Tests.Appliance.State.Mirror;

namespace Appliance.Tests.Appliance.Cluster.Failover;

/// <summary>Real elections above real mirrors in one process and one virtual clock: what the failover joins, without addresses, guard and sockets.</summary>
internal sealed class ElectedMirrors : IDisposable
{
    private readonly TestGroup _elections;
    private readonly MirrorCluster _mirrors;
    private readonly Dictionary<string, Joint> _joints = [];

    internal ElectedMirrors(Func<StateMirrorOptions, StateMirrorOptions> configure, params string[] names)
    {
        _elections = new TestGroup(options => options with { Members = [.. names.Select(static name => new ElectionMember(name, MemberRole.Data))], Services = [new ElectionService { Name = "demo" }] }, names);
        _mirrors = MirrorCluster.Unelected(configure, names);
        foreach (string name in names) Join(name);
    }

    /// <summary>Members a, b and c; one of the others acknowledges each purchase, its keys are "cart:*".</summary>
    internal static ElectedMirrors OfThree(WhenShort whenShort) =>
        new(options => options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, whenShort, "cart:*")] }, "a", "b", "c");

    /// <summary>The mirrors do nothing: what a takeover does takes as long as this.</summary>
    internal bool MirrorsStandStill { get; set; }

    internal string? Primary => _elections.Primary();

    internal FakeNode this[string name] => _mirrors[name];

    internal ElectionEngine ElectionsOf(string name) => _elections[name].Engine;

    /// <summary>Whom a node serves: it holds the lease and has cut.</summary>
    internal bool Serves(string name) => Primary == name && this[name].Service.Role == ServiceRole.Primary;

    /// <summary>No beats pass between a node and the others, while its state does.</summary>
    internal void SilenceBeatsOf(string name, bool silent)
    {
        foreach (string other in _mirrors.Names)
        {
            if (other == name) continue;
            foreach ((string From, string To) pair in new[] { (name, other), (other, name) })
                _ = silent ? _elections.Cut.Add(pair) : _elections.Cut.Remove(pair);
        }
    }

    /// <summary>No beats of others reach a node; its own reach them.</summary>
    internal void Deafen(string name, bool deaf)
    {
        foreach (string other in _mirrors.Names.Where(other => other != name))
            _ = deaf ? _elections.Cut.Add((other, name)) : _elections.Cut.Remove((other, name));
    }

    /// <summary>What one node sends of its state waits, or arrives.</summary>
    internal void HoldStateOf(string name, bool holds)
    {
        foreach (string other in _mirrors.Names)
        {
            if (holds) _mirrors.Hold(name, other);
            else _mirrors.Release(name, other);
        }
    }

    /// <summary>What one node sends of its state to another waits, or arrives.</summary>
    internal void HoldState(string from, string to, bool holds)
    {
        if (holds) _mirrors.Hold(from, to);
        else _mirrors.Release(from, to);
    }

    /// <summary>The operator accepts the loss, said to one node.</summary>
    internal void AcceptLoss(string name)
    {
        if (Primary == name) this[name].Mirror.AcceptLoss("demo");
        else ElectionsOf(name).AcceptLoss(_elections.Now, 0);
    }

    /// <summary>A planned hand-over by the present primary, and how it ended.</summary>
    internal Task<string?> HandOver(string to, bool isOrdered) => _joints[Primary!].HandOver.Begin(_elections.Now, NodeId.FromName(to), to, isOrdered);

    /// <summary>What a node is able to do, besides holding the state.</summary>
    internal void Tell(string name, bool healthy, bool drained) => (_joints[name].Healthy, _joints[name].Drained) = (healthy, drained);

    /// <summary>A disk writes no votes for a while.</summary>
    internal void FillDiskOf(string name, bool full) => _elections[name].Store.IsFull = full;

    /// <summary>A process is killed.</summary>
    internal void Kill(string name)
    {
        _elections.Dead.Add(name);
        _mirrors.Kill(name);
    }

    /// <summary>It starts again with empty memory.</summary>
    internal void Restart(string name)
    {
        _mirrors.Start(name);
        _elections.Restart(name);
        Join(name);
    }

    internal void Run(int milliseconds)
    {
        for (int i = 0; i < milliseconds; i++)
        {
            _elections.Run(1);
            if (MirrorsStandStill) continue;
            _mirrors.Run(1);
            foreach (FakeNode node in _mirrors.Alive.ToList())
            {
                _joints[node.Name].TellReadiness();
                _ = _joints[node.Name].HandOver.Advance(_elections.Now);
            }
        }
    }

    internal bool RunUntil(Func<bool> condition, int milliseconds = 3000)
    {
        for (int i = 0; i < milliseconds && !condition(); i++) Run(1);
        return condition();
    }

    /// <summary>How each node stands, for a failure.</summary>
    internal string Describe() =>
        string.Join("; ", _mirrors.Alive.Select(node => $"{node}: {ElectionsOf(node.Name).Describe(0)}, set {ElectionsOf(node.Name).SetOf(0)}, {node.Service.Role} {node.Service.Why} {StateMirror.DoingFor(node.Service)}"));

    public void Dispose() => _mirrors.Dispose();

    private void Join(string name)
    {
        var joint = new Joint(this, name);
        _joints[name] = joint;
        _elections[name].Above = joint;
        this[name].Mirror.Roles = joint;
    }

    private sealed class Joint(ElectedMirrors group, string name) : IElectionSink, IMirrorRoles
    {
        internal PlannedHandOver HandOver { get; } = new(0, "demo", group.ElectionsOf(name), group[name].Mirror);

        internal bool Healthy { get; set; } = true;

        internal bool Drained { get; set; }

        private ElectionEngine Elections => group.ElectionsOf(name);

        private StateMirror Mirror => group[name].Mirror;

        private Timestamp Now => group._elections.Now;

        internal void TellReadiness()
        {
            MirroredService state = Mirror.Services[0];
            Elections.SetReadiness(Now, 0, state.IsComplete, Healthy, Drained, state.Position.Value);
        }

        public void OnElected(int service, uint term, Timestamp leaseUntil, SynchronisedSet set, ElectionKind kind)
        {
            if (service == 0) Mirror.BecomePrimary("demo", term, NamesOf(set), acceptLoss: kind == ElectionKind.WithLoss, coldStart: kind == ElectionKind.ColdStart);
        }

        public void OnLost(int service, uint term, LeaseLoss why)
        {
            if (service != 0) return;
            Mirror.LoseLease("demo");
            HandOver.OnLost();
        }

        public void OnPrimary(int service, NodeId primary, uint term)
        {
            if (service == 0 && primary != NodeId.FromName(name)) Mirror.Follow("demo", term, group._mirrors.Names.FirstOrDefault(other => NodeId.FromName(other) == primary));
        }

        public void OnSynchronisedSet(int service, SynchronisedSet set) => Mirror.CommitSynchronised("demo", NamesOf(set));

        public void OnServing(string service, ulong term)
        {
            TellReadiness();
            if (Elections.IsPrimary(0, Now)) Elections.SetServing(Now, 0);
        }

        public void OnTermTooLow(string service, ulong term, ulong seenTerm)
        {
            Elections.NoteTerm(0, seenTerm);
            Elections.Release(Now, 0);
        }

        public void OnStoodDown(string service, ulong higherTerm) => Elections.NoteTerm(0, higherTerm);

        public void OnSynchronisedMembersChanged(string service)
        {
            ushort members = 0;
            foreach (string member in Mirror.SynchronisedMembers("demo")) members |= (ushort)(1 << Elections.View.SlotOf(NodeId.FromName(member)));
            Elections.ProposeSynchronisedSet(Now, 0, members);
        }

        public void OnHandedOver(string service, string target, ulong term) => HandOver.End(Elections.TransferTo(Now, 0, NodeId.FromName(target)));

        public void OnHandOverFailed(string service, string target, string why) => HandOver.End(why);

        public void OnOffered(string service, string from, ulong term)
        {
        }

        public void Publish(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry)
        {
        }

        public void OnLease(int service, uint term, Timestamp until)
        {
        }

        public void OnView(GroupView view, bool isCommitted)
        {
        }

        public void OnHandOverWanted(int service, NodeId target, HandOverReason why)
        {
        }

        public void Log(ElectionEvent kind, string text)
        {
        }

        private string[] NamesOf(SynchronisedSet set) => [.. group._mirrors.Names.Where(other => set.Contains(Elections.View.SlotOf(NodeId.FromName(other))))];
    }
}
