using Appliance.Cluster.Elections;
using Appliance.Multicast;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>One life of a node above its transport: the real engine, the modelled state, and what the oracle is told.</summary>
internal sealed class ElectionLife : IElectionSink
{
    private readonly ElectionWorld _world;
    private readonly IElectionHost _host;
    private readonly StateModel[] _states;
    private readonly Timestamp[] _leases;
    private readonly uint[] _stood;
    private readonly List<(int Service, NodeId Target)> _wanted = [];
    private readonly (bool Synchronised, bool Drained, bool Unhealthy, int Length)[] _told;

    internal ElectionLife(ElectionWorld world, IElectionHost host, ElectionOptions options, IVoteStore store)
    {
        _world = world;
        _host = host;
        Id = NodeId.FromName(options.Name);
        _leases = new Timestamp[options.Services.Count + 1];
        _stood = new uint[options.Services.Count + 1];
        _states = new StateModel[options.Services.Count];
        _told = new (bool, bool, bool, int)[_states.Length];
        for (int i = 0; i < _states.Length; i++) _states[i] = new StateModel(this, world, i);
        Engine = new ElectionEngine(options, store, this, host.Now);
    }

    internal ElectionEngine Engine { get; }

    internal NodeId Id { get; }

    /// <summary>Index of the node.</summary>
    internal int Node => _host.Index;

    /// <summary>Time of the node's present round.</summary>
    internal Timestamp Now => _host.Now;

    /// <summary>Models of the services.</summary>
    internal IReadOnlyList<StateModel> States => _states;

    /// <summary>The guard's view, in true time on the node's clock.</summary>
    internal bool LeaseIsValid(int service) => _world.NowAt(Node) < _leases[service];

    /// <summary>It votes as one that has lost nothing.</summary>
    internal bool IsRecovered(int service) =>
        service == _states.Length || _states[service].Synchronised || Engine.View.SlotOf(Id) is >= 0 and int slot && (Engine.View.Data >> slot & 1) == 0;

    /// <summary>It holds a write.</summary>
    internal bool Holds(int service, Entry entry) => _states[service].Synchronised && (_states[service].Log?.Holds(entry) ?? false);

    /// <summary>It holds the state as it was cut in a term, or later.</summary>
    internal bool KnowsCut(int service, uint term) => _states[service].Synchronised && _states[service].LogTerm >= term;

    internal void Send(int to, StateMessage message) => _world.Send(Node, to, message);

    internal void OnMessage(int from, StateMessage message)
    {
        _states[message.Service].OnMessage(from, message);
        UpdateReadiness(message.Service);
    }

    internal void UpdateReadiness(int service)
    {
        StateModel state = _states[service];
        (bool, bool, bool, int) now = (state.Synchronised, _host.IsDrained, _host.IsUnhealthy, (state.Log?.Length ?? 0) / 100);
        if (now == _told[service]) return;
        _told[service] = now;
        Engine.SetReadiness(Now, service, state.Synchronised, !_host.IsUnhealthy, _host.IsDrained, (ulong)(state.Log?.Length ?? 0));
    }

    /// <summary>What the models do after the engine was called.</summary>
    internal void Step(bool sends)
    {
        foreach ((int service, NodeId target) in _wanted) _states[service].BeginHandOver(Engine.View.SlotOf(target));
        _wanted.Clear();
        for (int i = 0; i < _states.Length; i++) UpdateReadiness(i);
        foreach (StateModel state in _states) state.Step(sends);
    }

    /// <inheritdoc/>
    public void Publish(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry)
    {
        if (!BeatExtension.TryParse(extension, out BeatExtension beat)) throw new Oracle.InvariantViolation($"node {Node} says what nobody understands");
        for (int i = 0; i < _states.Length; i++)
            if (beat[i] is { Role: ElectionRole.Primary, Transfer: not BeatExtension.NoSlot } section) _world.Oracle.CheckCommitted(Node, i, section.Set, Engine.View);
        for (int i = 0; i <= _states.Length; i++)
        {
            if (beat[i].Role != ElectionRole.Candidate || beat[i].Term <= _stood[i]) continue;
            _stood[i] = beat[i].Term;
            _world.Oracle.OnStand(_world.Nodes[Node], i == _states.Length ? "group" : $"s{i}");
        }
        _host.Publish(extension, validUntil, hurry);
    }

    /// <inheritdoc/>
    public void OnElected(int service, uint term, Timestamp leaseUntil, SynchronisedSet set, ElectionKind kind)
    {
        _world.Trace.Event(_world.Time, Node, "elected: service, term, kind", service, term, (long)kind);
        _world.Totals.Elected++;
        if (kind == ElectionKind.HandOver) _world.Totals.HandOvers++;
        if (kind == ElectionKind.ColdStart) _world.Totals.ColdStarts++;
        if (kind == ElectionKind.WithLoss) _world.Totals.WithLoss++;
        _world.Oracle.OnElected(Node, service, term, kind);
        OnLease(service, term, leaseUntil);
        if (service < _states.Length) _states[service].OnElected(term, set, kind);
    }

    /// <inheritdoc/>
    public void OnLease(int service, uint term, Timestamp until)
    {
        _leases[service] = until;
        _world.Oracle.OnLease(Node, service, term, until);
    }

    /// <inheritdoc/>
    public void OnLost(int service, uint term, LeaseLoss why)
    {
        _world.Trace.Event(_world.Time, Node, "lost: service, term, why", service, term, (long)why);
        _world.Totals.Lost++;
        if (why == LeaseLoss.Expired) _world.Totals.Expired++;
        if (why == LeaseLoss.Superseded && _world.Plan.Quorum && LeaseIsValid(service)) throw new Oracle.InvariantViolation($"node {Node} service {service}: superseded with a valid lease of term {term}");
        _leases[service] = default;
        _world.Oracle.OnLost(Node, service);
        if (why == LeaseLoss.HandedOver) _world.Oracle.OnHandedOver(service);
        if (service < _states.Length) _states[service].OnLost();
    }

    /// <inheritdoc/>
    public void OnPrimary(int service, NodeId primary, uint term) =>
        _world.Trace.Traffic(_world.Time, Node, "sees a primary: service, slot, term", service, primary == NodeId.None ? -1 : Engine.View.SlotOf(primary), term);

    /// <inheritdoc/>
    public void OnSynchronisedSet(int service, SynchronisedSet set)
    {
        _world.Trace.Event(_world.Time, Node, "set committed: service, number, members", service, set.Number, set.Members);
        _world.Oracle.OnSetCommitted(Node, service, set, Engine.View);
        _states[service].OnSet(set);
    }

    /// <inheritdoc/>
    public void OnView(GroupView view, bool isCommitted)
    {
        _world.Trace.Event(_world.Time, Node, isCommitted ? "view committed: term, number, voters" : "view adopted: term, number, voters", view.Term, view.Number, view.Voters);
        if (isCommitted) _world.Totals.ViewCommits++;
    }

    /// <inheritdoc/>
    public void OnHandOverWanted(int service, NodeId target, HandOverReason why)
    {
        if (service < _states.Length) _wanted.Add((service, target));
    }

    /// <inheritdoc/>
    public void Log(ElectionEvent kind, string text) => _world.Trace.Event(_world.Time, Node, text);
}
