using Appliance.Configuration;
using Appliance.LiveConnections;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.State;

/// <summary>
/// Keeps the state of a node's services alike on all data members: publishes what the primary writes, applies what others write, brings members back into step
/// (ARCHITECTURE 3 to 5; A1, A5 to A9, A12). Free of I/O: time, group and channels are given to it. One per node; loop thread only, except
/// <see cref="CreateServerSession"/>.
/// </summary>
/// <remarks>
/// How to host it:
/// <list type="number">
/// <item>Create it with options, the channels (<see cref="ISyncTransport"/>) and the store of terms.</item>
/// <item>Create the group with it as <see cref="IGroupHandler"/>, then call <see cref="Start"/> with the group, before anything is delivered.</item>
/// <item>
/// Call <see cref="OnRoundEnd"/> after each round in which something was delivered, a listener wrote, or a channel brought a message, and whenever
/// <see cref="NextDeadline"/> has come; in the product the <see cref="EventLoop"/> does.
/// </item>
/// <item>For each channel that another member opens to this node, take a <see cref="CreateServerSession"/>; see <see cref="ISyncTransport"/>.</item>
/// <item>Listeners use <see cref="Store(string)"/>.</item>
/// </list>
/// Nothing random is inside but what the seed in <see cref="StoreLimits"/> decides; the same calls give the same results.
/// </remarks>
internal sealed partial class StateMirror : IGroupHandler, IRoundHandler, IDisposable
{
    // A walk over the records advances by 2,048 slots each time: ten million records are passed in less than two minutes, for half a percent of a core.
    private static readonly TimeSpan TidyInterval = TimeSpan.FromMilliseconds(20);

    // Rounds come more often than that for other reasons: tidying waits for one rather than to wake an idle node.
    private static readonly TimeSpan TidySlack = TimeSpan.FromMilliseconds(80);

    private readonly StateMirrorOptions _options;
    private readonly ISyncTransport _transport;
    private readonly ITermStore _terms;
    private readonly Action<MirrorEvent, string> _log;
    private readonly List<SnapshotFetch> _fetches = [];
    private readonly List<(MirroredService Service, NodeId Asker, ulong Number)> _owed = [];
    private MirroredService[] _services = [];
    private volatile IReadOnlyList<SharedServiceState> _shared = [];
    private IGroup? _group;
    private Timestamp _tidyDue;
    private IReadOnlyList<ClassOptions> _classes;
    private bool _declared;
    private ulong _surveys;

    /// <param name="options">What it is made of; must be valid.</param>
    /// <param name="transport">Channels to other members.</param>
    /// <param name="terms">Terms that survive a restart.</param>
    /// <param name="log">What it has to say.</param>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    internal StateMirror(StateMirrorOptions options, ISyncTransport transport, ITermStore terms, Action<MirrorEvent, string> log)
    {
        if (options.Validate().FirstOrDefault() is { } problem) throw new ArgumentException(problem, nameof(options));
        _options = options;
        _transport = transport;
        _terms = terms;
        _log = log;
        DataMembers = options.DataMembers;
        _classes = options.Classes;
    }

    /// <summary>What it has done.</summary>
    internal MirrorCounters Counters { get; } = new();

    /// <summary>Keeps live connections; null on a node that keeps none, which ignores what is said of them.</summary>
    internal ConnectionMirror? Connections { get; set; }

    /// <summary>The group.</summary>
    internal IGroup Group => _group ?? throw new InvalidOperationException("Start was not called");

    /// <summary>This node.</summary>
    internal NodeId Self => Group.Self;

    /// <summary>The other members.</summary>
    internal IReadOnlyList<GroupMember> Members => Group.Members;

    /// <summary>This node's wall time.</summary>
    internal long WallMilliseconds => Group.WallMilliseconds;

    /// <summary>The services, in the order of the configuration.</summary>
    internal IReadOnlyList<MirroredService> Services => _services;

    /// <summary>All services are complete here, as told to the group.</summary>
    internal bool IsSynchronised => _declared;

    /// <inheritdoc/>
    public Timestamp NextDeadline
    {
        get
        {
            Timestamp next = _tidyDue + TidySlack;
            foreach (MirroredService service in _services) next = Timestamp.Min(next, service.NextDeadline);
            return next;
        }
    }

    /// <summary>Begins. Terms are counted and stored here.</summary>
    /// <param name="group">The group, whose handler this is.</param>
    /// <exception cref="IOException">A term cannot be read or stored.</exception>
    internal void Start(IGroup group)
    {
        _group = group;
        var policies = new ClassPolicies(_classes, DataMembers.Count);
        _services = [.. _options.Services.Select(service => new MirroredService(this, service, _options, policies, group, _terms))];
        _shared = [.. _services.Select(static service => service.Shared)];
        foreach (MirroredService service in _services) service.Start();
        OnCompletenessChanged(); // a node without services lacks nothing
    }

    /// <summary>The store of a service.</summary>
    /// <exception cref="KeyNotFoundException">There is none of that name.</exception>
    internal ServiceStore Store(string name) => Service(name).Store;

    /// <summary>The serving end of a channel that another member opened. Any thread, after <see cref="Start"/>.</summary>
    internal SyncServerSession CreateServerSession() => new(_shared);

    /// <summary>What is promised about the classes changes (reload).</summary>
    internal void UseClasses(IReadOnlyList<ClassOptions> classes)
    {
        _classes = classes;
        var policies = new ClassPolicies(classes, DataMembers.Count);
        foreach (MirroredService service in _services) service.Publisher.Policies = policies;
    }

    /// <inheritdoc/>
    public void OnDeliver(GroupMember sender, ulong throughSequence, MessageRun run)
    {
        RecordApplier.ApplyRun(sender, run, this);
        foreach (MirroredService service in _services) service.Share(); // a report may say 'applied' right after this
    }

    /// <inheritdoc/>
    public void OnStreamGap(GroupMember sender, ulong from, ulong through, GapReason reason)
    {
        foreach (MirroredService service in _services)
            if (service.IsWrittenBy(sender)) service.OnStreamGap(reason);
    }

    /// <inheritdoc/>
    public void OnMemberChanged(GroupMember member, MemberChange change)
    {
        foreach (MirroredService service in _services) service.OnMemberChanged(member, change);
        OnProgress(); // who counts for acknowledgements may have changed
    }

    /// <inheritdoc/>
    public void OnProgress()
    {
        foreach (MirroredService service in _services)
            if (service.Role == ServiceRole.Primary) service.Store.OnProgress();
    }

    /// <inheritdoc/>
    public void OnWindowOpen()
    {
        foreach (MirroredService service in _services) service.Store.OnWindowOpen();
    }

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        bool tidies = now.Nanoseconds >= _tidyDue.Nanoseconds;
        if (tidies) _tidyDue = now + TidyInterval;
        foreach (SnapshotFetch fetch in _fetches) fetch.Now = now;
        foreach (MirroredService service in _services) service.EndRound(now, tidies);
        _fetches.RemoveAll(static fetch => fetch.IsDone || fetch.HasFailed);
        AnswerSurveys();
    }

    /// <summary>Gives the memory back; nobody may be serving from it.</summary>
    public void Dispose()
    {
        foreach (MirroredService service in _services) service.Dispose();
    }

    /// <summary>What the primary's recovery or the resynchronisation of a service does, in words; empty when it does nothing.</summary>
    internal static string DoingFor(MirroredService service) => service.Takeover.IsActive ? service.Takeover.Doing : service.Resync.Doing;

    /// <summary>What each service is and holds. Allocates; for status and metrics.</summary>
    internal IReadOnlyList<MirrorServiceStatus> ReadStatus() => [.. _services.Select(service => MirrorServiceStatus.Of(service))];

    /// <summary>What a member lacks of all that this node has written.</summary>
    internal MemberLag LagOf(GroupMember member)
    {
        MemberLag lag = default;
        foreach (MirroredService service in _services)
            if (service.Role == ServiceRole.Primary) lag = lag.With(service.Publisher.LagOf(member, Group.Now));
        return lag;
    }

    /// <summary>The service of a number on the wire; null when there is none.</summary>
    internal MirroredService? Find(ServiceId id)
    {
        foreach (MirroredService service in _services)
            if (service.Id == id) return service;
        return null;
    }

    /// <summary>Applies one message of a stream.</summary>
    internal void Apply(GroupMember sender, ReadOnlySpan<byte> message, ulong hash, bool endsBatch)
    {
        switch (message.IsEmpty ? default : (MessageType)message[0])
        {
            case MessageType.Record:
                if (EncodedRecord.TryParse(message, out EncodedRecord record) != RecordParseResult.Ok) Counters.Malformed++;
                else if (Find(record.Service) is { } service) service.Apply(sender, record, hash, endsBatch);
                else Counters.UnknownService++;
                break;
            case MessageType.Cut:
                if (CutMessage.TryParse(message, out ServiceId id, out TermChain chain) != RecordParseResult.Ok) Counters.Malformed++;
                else if (Find(id) is { } cut) cut.ApplyCut(sender, chain);
                else Counters.UnknownService++;
                break;
            case MessageType.Floor:
                if (FloorMessage.TryParse(message, out id, out RecordVersion floor) != RecordParseResult.Ok) Counters.Malformed++;
                else Find(id)?.Store.Memory.RaiseFloor(floor);
                break;
            case MessageType.Survey:
                if (SurveyMessage.TryParse(message, out id, out ulong term, out ulong number) != RecordParseResult.Ok) Counters.Malformed++;
                else if (Find(id) is { } asked) OnSurvey(asked, sender, term, number);
                else Counters.UnknownService++;
                break;
            case MessageType.Position:
                if (PositionMessage.TryParse(message, out id, out NodeId asker, out number, out ServicePosition? position) != RecordParseResult.Ok) Counters.Malformed++;
                else if (asker == Self) OnAnswer(id, sender, number, position!);
                break;
            case MessageType.HandOver:
                if (HandOverMessage.TryParse(message, out id, out RecordVersion last, out NodeId target, out ulong next) != RecordParseResult.Ok) Counters.Malformed++;
                else if (target == Self) Find(id)?.OnOffered(sender, last, next);
                break;
            case MessageType.Connection when Connections is not null:
                Connections.Apply(message);
                break;
            case MessageType.Mark:
                break;
            default:
                if (!message.IsEmpty && message[0] >= (byte)MessageType.FirstIgnorable) Counters.UnknownType++;
                else Counters.Malformed++;
                break;
        }
    }

    /// <summary>Publishes a message that changes no state, and sends it at once.</summary>
    /// <returns>False when the window is closed.</returns>
    internal bool TryPublish(ReadOnlySpan<byte> message)
    {
        if (Group.PublishableBytes < message.Length || !Group.TryPublish(message, PublishOptions.None, out _)) return false;
        Group.Flush();
        return true;
    }

    /// <summary>A number that no survey of any life of this node has had.</summary>
    internal ulong NextSurveyNumber() => unchecked((Group.Incarnation << 24) + ++_surveys);

    /// <summary>Begins to fetch.</summary>
    internal SnapshotFetch Fetch(MirroredService service, GroupMember server, RecordVersion since, bool fromAnyone)
    {
        var fetch = new SnapshotFetch(_transport, service, Counters, server, since, fromAnyone, Group.Now);
        _fetches.Add(fetch);
        return fetch;
    }

    /// <summary>A service became complete, or is no longer: the group counts this node for acknowledgements only while all are.</summary>
    internal void OnCompletenessChanged()
    {
        bool synchronised = Array.TrueForAll(_services, static service => service.IsComplete);
        if (synchronised == _declared) return;
        _declared = synchronised;
        Group.DeclareSynchronised(synchronised);
    }

    private void OnSurvey(MirroredService service, GroupMember asker, ulong term, ulong number)
    {
        service.OnSurvey(term, asker);
        _owed.RemoveAll(owed => owed.Service == service && owed.Asker == asker.Node);
        _owed.Add((service, asker.Node, number)); // nothing may be published while something is delivered
    }

    private void AnswerSurveys()
    {
        if (_owed.Count == 0) return;
        Span<byte> message = stackalloc byte[PositionMessage.MaxBytes];
        int answered = 0;
        while (answered < _owed.Count)
        {
            (MirroredService service, NodeId asker, ulong number) = _owed[answered];
            int bytes = PositionMessage.Write(message, service.Id, asker, number, service.ToPosition());
            if (!TryPublish(message[..bytes])) break; // the rest when the window opens
            answered++;
        }
        _owed.RemoveRange(0, answered);
    }

    private void OnAnswer(ServiceId id, GroupMember member, ulong number, ServicePosition position)
    {
        if (Find(id) is not { } service) return;
        service.Resync.OnAnswer(member, number, position);
        service.Takeover.OnAnswer(member, number, position);
    }

    /// <summary>Says something.</summary>
    internal void Log(MirrorEvent kind, string text) => _log(kind, text);
}
