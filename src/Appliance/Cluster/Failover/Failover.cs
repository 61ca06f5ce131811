using Appliance.Cluster.Elections;
using Appliance.Configuration;
using Appliance.Host;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;
using Microsoft.Extensions.Logging;

namespace Appliance.Cluster.Failover;

/// <summary>
/// Takes services over and gives them up (ARCHITECTURE 6): joins elections, state, guard and addresses of a node. The order is: win the vote; collect and cut; open the guard; add the addresses;
/// announce. State and listeners before address, or the kernel answers clients with RST. Loop thread, except where it says otherwise. Demands A2, A16, E6, E8.
/// </summary>
internal sealed partial class Failover : IRoundHandler, IDisposable
{
    private readonly ApplianceConfiguration _configuration;
    private readonly StateMirror _mirror;
    private readonly ILogger _log;
    private readonly AddressFence _fence;
    private readonly VoteWriter _votes;
    private readonly ElectionEngine _elections;
    private readonly OwnedService[] _services;
    private readonly Dictionary<NodeId, string> _names;
    private readonly FailoverCounters _counters = new();
    private IGroup? _group;
    private TaskCompletionSource? _released;
    private bool _groupElected;
    private NodeId _groupTarget;

    /// <param name="configuration">Of this node.</param>
    /// <param name="state">Directory of the votes.</param>
    /// <param name="mirror">The state, whose roles this gives.</param>
    /// <param name="loop">The node's loop, which does not run yet.</param>
    /// <param name="log">Where to say what happens.</param>
    /// <exception cref="NodeStartException">See <see cref="AddressFence"/>.</exception>
    /// <exception cref="IOException">Votes cannot be read.</exception>
    /// <exception cref="InvalidDataException">Votes are damaged.</exception>
    internal Failover(ApplianceConfiguration configuration, StateDirectory state, StateMirror mirror, EventLoop loop, ILogger log)
    {
        _configuration = configuration;
        _mirror = mirror;
        _log = log;
        _names = configuration.Group.Members.ToDictionary(static member => NodeId.FromName(member.Name), static member => member.Name);
        Takeovers = new TakeoverLog(configuration.Services.Count);
        _fence = new AddressFence(configuration, loop, text => NodeLog.Warning(log, text));
        _votes = new VoteWriter(new VoteFiles(state.Path), error => loop.Post(() => _elections!.OnStored(EventLoop.ReadClock(), error)));
        try
        {
            _elections = new ElectionEngine(NodeSettings.Elections(configuration), _votes, this, EventLoop.ReadClock());
            _services = [.. configuration.Services.Select((service, index) => new OwnedService(service.Name, _fence.Services[index]) { HandOver = new PlannedHandOver(index, service.Name, _elections, mirror) })];
        }
        catch
        {
            _votes.Dispose();
            _fence.Dispose();
            throw;
        }
        _fence.LinkChanged = OnLinkChanged;
    }

    /// <summary>What is wrong with the guard; any thread.</summary>
    internal IReadOnlyList<string> Faults => _fence.Faults;

    /// <summary>Who is configured otherwise, and who claims this node's addresses; loop thread.</summary>
    internal IEnumerable<string> Disagreements => _elections.Refusals(Now).Concat(_fence.Conflicts(Now));

    /// <summary>The last takeovers of this node.</summary>
    internal TakeoverLog Takeovers { get; }

    /// <summary>Who votes, for operators. After <see cref="Start"/>.</summary>
    internal MembershipOrders Membership => new(_configuration, _elections, _group!);

    /// <summary>What is given up, by order of an operator. After <see cref="Start"/>.</summary>
    internal LossOrders Losses => new(this, _configuration, _elections, _mirror, _group!, _log);

    /// <summary>Claims of other hosts on the floating addresses that were seen; see <see cref="AddressFence.Claims"/>.</summary>
    internal long Claims => _fence.Claims;

    /// <summary>What was done since the node started.</summary>
    internal FailoverCounters Counters
    {
        get
        {
            _counters.ElectionsLost = _elections.Withdrawals;
            return _counters;
        }
    }

    /// <summary>Whether this node's part of a service works ([service] check); any thread may change the answer, and then calls <see cref="OnHealthChanged"/> on the loop.</summary>
    internal Func<string, bool> IsHealthy { get; set; } = static _ => true;

    /// <summary>What is moved with a service's addresses.</summary>
    internal IServiceTakeover? Connections { get; set; }

    /// <summary>Told of this node's role for a service: service, role, term. Must not wait.</summary>
    internal Action<string, string, ulong> Notify { get; set; } = static (_, _, _) => { };

    /// <summary>This node takes no service, and gives up those that it has as soon as another can take them.</summary>
    internal bool IsDrained { get; private set; }

    /// <inheritdoc/>
    public Timestamp NextDeadline
    {
        get
        {
            Timestamp next = _elections.NextDeadline;
            foreach (OwnedService service in _services) next = Timestamp.Min(Timestamp.Min(next, service.Addresses.NextDeadline), service.HandOver.NextDeadline);
            return next;
        }
    }

    private Timestamp Now => _group!.Now;

    /// <summary>Begins to take part, after the mirror has started.</summary>
    internal void Start(IGroup group)
    {
        _group = group;
        if (_configuration.Node.Role == MemberRole.Data)
            for (int i = 0; i < _services.Length; i++) _elections.NoteTerm(i, (uint)_mirror.SeenTermOf(_services[i].Name));
    }

    /// <summary>A beat of a member; see <see cref="IGroupHandler.OnBeat"/>.</summary>
    internal void OnBeat(GroupMember member, Timestamp receivedAt, ulong beatSent, ulong echoedSent, ReadOnlySpan<byte> extension) =>
        _elections.OnBeat(Now, member.Node, member.Incarnation, receivedAt, beatSent, echoedSent, extension);

    /// <summary>A member came, went, or came back.</summary>
    internal void OnMemberChanged(MemberChange change)
    {
        if (change is not (MemberChange.Joined or MemberChange.Restored)) return;
        foreach (OwnedService service in _services) service.Addresses.AnnounceAgain(Now); // its neighbour table is old, or empty
    }

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        bool isTick = now >= _elections.NextDeadline;
        if (isTick) _fence.AskDue(now);
        for (int i = 0; i < _services.Length; i++)
        {
            TellReadiness(i, isTick);
            TakeAddresses(i);
            ServeAfterLoss(i);
            if (_services[i].HandOver.Advance(now) is { } line) NodeLog.Note(_log, line);
            _services[i].Addresses.AnnounceDue(now);
        }
        if (isTick) _elections.OnTick(now);
        ActForGroup(now);
    }

    /// <summary>Hands a service over to a member of the operator's choice.</summary>
    /// <returns>Completes with null once it is handed over, or with the reason why not.</returns>
    internal Task<string?> PromoteAsync(string service, string node)
    {
        int index = Array.FindIndex(_services, known => known.Name == service);
        if (index < 0) return Task.FromResult<string?>($"there is no service '{service}'");
        if (!_names.ContainsValue(node)) return Task.FromResult<string?>($"'{node}' is no member of the group");
        string? primary = NameOf(_elections.PrimaryOf(index));
        if (primary == node) return Task.FromResult<string?>(null);
        if (!_elections.IsPrimary(index, Now)) return Task.FromResult<string?>(primary is null ? $"service {service} has no primary now" : $"this node is not the primary of {service}: ask {primary}");
        if (_services[index].HandOver.IsUnderWay) return Task.FromResult<string?>($"service {service} is being handed over already");
        return _services[index].HandOver.Begin(Now, NodeId.FromName(node), node, isOrdered: true);
    }

    /// <summary>Drains this node, or ends that.</summary>
    internal void SetDrained(bool drained)
    {
        if (drained != IsDrained) NodeLog.Note(_log, drained ? "drained: this node takes no service and hands over those that it has" : "undrained: this node may take services again");
        IsDrained = drained;
        for (int i = 0; i < _services.Length; i++) TellReadiness(i, isTick: true);
    }

    /// <summary>Drains for the end of this node.</summary>
    /// <returns>Completes when this node is primary of nothing, or nobody can take over; never, if no hand-over comes about.</returns>
    internal Task ReleaseAsync()
    {
        if (!_group!.Members.Any(static member => member is { State: MemberState.Live, Synchronised: true, Role: MemberRole.Data })) return Task.CompletedTask;
        _released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        SetDrained(true);
        NoteReleased();
        return _released.Task;
    }

    /// <summary>Gives up whatever is left, so that others need not wait for the lease's end.</summary>
    internal void ReleaseAll()
    {
        for (int i = 0; i <= _elections.GroupService; i++)
            if (_elections.IsPrimary(i, Now)) _elections.Release(Now, i);
    }

    /// <summary>How a service stands.</summary>
    internal FailoverStatus StatusOf(int service)
    {
        Timestamp now = Now;
        return new FailoverStatus(_elections.IsPrimary(service, now) ? _elections.LeaseUntil(service) - now : null, _elections.Describe(service), _services[service].IsServing,
            IsCounted(service), _services[service].Addresses.Fenced, _services[service].Addresses.Withheld, _services[service].Addresses.Announced);
    }

    /// <summary>The present primary of every service counts a member among those that hold everything.</summary>
    internal bool IsCountedByAll(NodeId member)
    {
        for (int i = 0; i < _services.Length; i++)
            if (!_elections.Counts(i, member)) return false;
        return true;
    }

    /// <summary>The primary of a service as far as this node knows; null: nobody.</summary>
    internal string? PrimaryOf(int service) => NameOf(_elections.PrimaryOf(service));

    /// <summary>The newest term of a service.</summary>
    internal uint TermOf(int service) => _elections.TermOf(service);

    /// <summary>This node holds a valid lease of a service and has cut: it may answer for it now.</summary>
    internal bool IsServing(string service)
    {
        int index = Array.FindIndex(_services, known => known.Name == service);
        return index >= 0 && _services[index].IsServing && _elections.IsPrimary(index, Now);
    }

    /// <summary>Removes addresses and guard. Not while the loop runs.</summary>
    public void Dispose()
    {
        _votes.Dispose();
        _fence.Dispose();
    }

    /// <summary>This node holds a valid lease of a service, by its index, and may answer for it now.</summary>
    internal bool Serves(int service) => _services[service].IsServing && _elections.IsPrimary(service, Now);

    private bool IsCounted(int service) =>
        _configuration.Node.Role == MemberRole.Data && _elections.Counts(service, _group!.Self) && _mirror.Services[service].Term == _elections.TermOf(service);

    // on-loss = serve: members that may hold more were awaited long enough.
    private void ServeAfterLoss(int index)
    {
        if (_configuration.Services[index] is { OnLoss: OnLoss.Serve } options && _services[index].CollectsSince is { } since && Now >= since + options.OnLossAfter) _mirror.AcceptLoss(options.Name);
    }

    // The group's own service has neither state to collect nor addresses. Not inside the engine's calls.
    private void ActForGroup(Timestamp now)
    {
        if (_groupElected) _elections.SetServing(now, _elections.GroupService);
        if (_groupTarget != NodeId.None && _elections.TransferTo(now, _elections.GroupService, _groupTarget) is { } whyNot) NodeLog.Warning(_log, $"the group's own service is not handed over: {whyNot}");
        (_groupElected, _groupTarget) = (false, NodeId.None);
    }

    // A lease that was late when the cut was made may be renewed by the next echo, in the same term: so this is looked at in every round until it is lost.
    private void TakeAddresses(int index)
    {
        OwnedService owned = _services[index];
        if (owned.IsServing || owned.CutTerm != owned.Term || owned.Term == 0 || !_elections.IsPrimary(index, Now)) return;
        owned.IsServing = true;
        Timestamp cut = EventLoop.ReadClock();
        Connections?.Restore(index, owned.Term); // the sockets before the addresses, or the kernel answers with RST
        owned.Addresses.Take(Now, owned.LeaseUntil);
        Connections?.Resume(index);
        Takeovers.Served(index, cut, EventLoop.ReadClock());
        _elections.SetServing(Now, index);
        Notify(owned.Name, "primary", owned.Term);
    }

    private void TellReadiness(int index, bool isTick)
    {
        if (_configuration.Node.Role == MemberRole.Witness) return;
        OwnedService owned = _services[index];
        MirroredService state = _mirror.Services[index];
        var readiness = new Readiness(state.IsComplete, _fence.LinksCarry(index) && IsHealthy(owned.Name), IsDrained);
        if (readiness == owned.Told && !isTick) return;
        owned.Told = readiness;
        _elections.SetReadiness(Now, index, readiness.IsSynchronised, readiness.IsHealthy, readiness.IsDrained, state.Position.Value);
    }

    /// <summary>See <see cref="IsHealthy"/>.</summary>
    internal void OnHealthChanged()
    {
        for (int i = 0; i < _services.Length; i++) TellReadiness(i, isTick: false);
    }

    private void OnLinkChanged()
    {
        for (int i = 0; i < _services.Length; i++)
        {
            if (_fence.LinksCarry(i)) _services[i].Addresses.AnnounceAgain(Now);
            TellReadiness(i, isTick: false);
        }
    }

    private void NoteReleased()
    {
        if (_released is null || _group is null) return;
        for (int i = 0; i < _services.Length; i++)
            if (_elections.IsPrimary(i, Now)) return;
        _released.TrySetResult();
    }

    private int IndexOf(string service) => Array.FindIndex(_services, known => known.Name == service);

    private string? NameOf(NodeId node) => node == NodeId.None ? null : _names.GetValueOrDefault(node, node.ToString());

    private string[] NamesOf(SynchronisedSet set) => NamesOf(_elections.View, set.Members);

    private string[] NamesOf(GroupView view, ushort slots) =>
        [.. Enumerable.Range(0, ElectionOptions.MaxMembers).Where(slot => (slots >> slot & 1) != 0).Select(slot => NameOf(view.NodeOf(slot))).OfType<string>()];

    private static string Words(Enum value) => SettingReader.Words(value.ToString()).Replace('-', ' ');
}
