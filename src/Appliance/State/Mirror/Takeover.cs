using Appliance.Multicast;

namespace Appliance.State;

/// <summary>What a takeover is to achieve.</summary>
/// <param name="Term">The term to write in.</param>
/// <param name="Holders">Names of the members that may hold acknowledged writes, this node among them.</param>
internal sealed record TakeoverRequest(ulong Term, IReadOnlyCollection<string> Holders)
{
    /// <summary>Serve also when acknowledged writes may be lost.</summary>
    public bool AcceptsLoss { get; init; }

    /// <summary>The elections know that nothing was acknowledged that anyone could remember: nobody is waited for, whatever an earlier winner may have cut.</summary>
    public bool IsColdStart { get; init; }

    /// <summary>The configured primary starts: members appear one by one, the term can be raised, and after a limit it serves whatever the others say.</summary>
    public bool IsConfigured { get; init; }

    /// <summary>The configured primary has run before, or may have.</summary>
    public bool RanBefore { get; init; }
}

/// <summary>
/// How a node becomes the primary: it collects from the members where they stand, from so many that every possible set of acknowledging members is met, brings itself to where the most advanced one
/// stands, and cuts (ARCHITECTURE 3, the cut; 6, takeover order). When it stands there already, that costs one round of messages and no connection.
/// </summary>
/// <remarks>
/// Of H members that may hold acknowledged writes, each acknowledged by k others than its writer, any H - k contain one that has it. This node counts as one; a member that lost its memory since
/// does not count. Who answers takes nothing of lower terms any more, so nothing can be acknowledged that the answers do not show.
/// </remarks>
internal sealed class Takeover
{
    private readonly MirroredService _service;
    private readonly StateMirror _mirror;
    private readonly StateMirrorOptions _options;
    private readonly Survey _survey;
    private readonly Backoff _backoff;
    private readonly List<GroupMember> _failed = [];
    private TakeoverRequest? _request;
    private ulong _term;
    private bool _hasStarted, _acceptsLoss, _saysItWaits;
    private Timestamp _begun, _started, _due;
    private TakeoverPlan? _plan;
    private DiscardWalk? _discard;
    private SnapshotFetch? _fetch;
    private int _rounds;

    internal Takeover(MirroredService service, StateMirror mirror, StateMirrorOptions options)
    {
        _service = service;
        _mirror = mirror;
        _options = options;
        _survey = new Survey(mirror, service, options.RetryDelay);
        _backoff = new Backoff(options.RetryDelay, options.RetryLimit, options.Limits.RandomSeed ^ service.Id.Value);
    }

    /// <summary>It is under way.</summary>
    internal bool IsActive => _request is not null;

    /// <summary>The term to come; 0 when idle.</summary>
    internal ulong Term => IsActive ? _term : 0;

    /// <summary>What it does, in words; empty when idle.</summary>
    internal string Doing =>
        !IsActive ? ""
        : _mirror.Group.IsRefused ? "recovering: the group refuses this node"
        : _discard is not null ? "recovering: discarding what lies beyond the cut"
        : _fetch is not null ? $"recovering: fetching from {_fetch.Server.Name}"
        : $"recovering: {Remembering()} of {_request!.Holders.Count} data members that remember have answered, {Needed} are needed; missing: {Missing()}";

    /// <summary>When <see cref="Tick"/> has something to do.</summary>
    internal Timestamp NextDeadline =>
        !IsActive ? Timestamp.Never : !_hasStarted || _discard is not null || _fetch is { HasWork: true } ? default : Timestamp.Min(_due, _survey.NextDeadline);

    /// <summary>So many members must answer that every set of members that may have acknowledged something is met.</summary>
    private int Needed
    {
        get
        {
            if (_request!.IsColdStart) return 0;
            int holders = _request.Holders.Count, promise = Math.Min(_service.Publisher.Policies.SmallestPromise, holders - 1);
            return promise == 0 ? 1 : holders - promise;
        }
    }

    private int Others => _request!.Holders.Count(name => name != _mirror.Group.Name);

    /// <summary>Begins, with the next <see cref="Tick"/>.</summary>
    internal void Start(TakeoverRequest request)
    {
        Cancel();
        _request = request;
        _term = request.Term;
        _acceptsLoss = request.AcceptsLoss;
        _hasStarted = _saysItWaits = false;
        _failed.Clear();
        _backoff.Reset();
    }

    /// <summary>Serves also when acknowledged writes may be lost.</summary>
    internal void AcceptLoss() => _acceptsLoss = true;

    /// <summary>Gives up. What was removed stays to be fetched again.</summary>
    internal void Cancel()
    {
        if (_discard is not null) _service.Debt.Add(_discard);
        _fetch?.Cancel();
        _survey.End();
        (_request, _plan, _discard, _fetch) = (null, null, null, null);
    }

    /// <summary>The members are others now.</summary>
    internal void OnMembersChanged(Timestamp now) => _survey.OnMembersChanged(now);

    /// <summary>A member has said where it stands.</summary>
    internal void OnAnswer(GroupMember member, ulong number, ServicePosition position) => _survey.OnAnswer(member, number, position);

    /// <summary>Goes on.</summary>
    internal void Tick(Timestamp now)
    {
        if (!IsActive) return;
        if (!_hasStarted)
        {
            _hasStarted = true;
            _begun = _started = _due = now;
        }
        if (_discard is not null) TickDiscard(now);
        else if (_fetch is not null) TickFetch(now);
        else TickSurvey(now);
    }

    private void TickSurvey(Timestamp now)
    {
        if (_service.TakeGrant(_term) is { } end)
        {
            Serve(_service.Chain, end); // the primary before said that there is nothing to collect
            return;
        }
        if (!_survey.IsActive)
        {
            if (now.Nanoseconds < _due.Nanoseconds) return; // the last attempt failed
            _survey.Begin(now, _term);
        }
        if (_mirror.Group.IsRefused) _started = now; // a clone, or an old life that is not given up yet: others serve
        _survey.Tick(now);
        if (IsTermTooLow(now) || !MayJudge(now)) return;
        _plan = TakeoverPlan.Make(_service.ToPosition(), _survey.Answers, _failed, _acceptsLoss || (_request!.IsConfigured && now - _begun >= _options.RecoveryLimit), _term);
        Report(_plan);
        _survey.End();
        _mirror.Roles?.OnCollected(_service.Name, _term);
        _rounds = 0;
        _service.PrepareTakeover(_plan.Newest);
        if (_service.NeedsDiscard || _service.Highest > _plan.Cut || !_plan.Chain.Covers(_service.Highest))
        {
            _service.MarkIncomplete("a takeover discards what lies beyond the cut");
            _discard = new DiscardWalk(_service.Store.Tables, _plan.Chain, _service.NeedsDiscard ? _service.Kept : _plan.Chain);
        }
        else
        {
            FetchOrServe(now);
        }
    }

    // A member that has seen, or promised, a term as high as this one would refuse what is written in it.
    private bool IsTermTooLow(Timestamp now)
    {
        ulong seen = 0;
        foreach (SurveyAnswer answer in _survey.Answers)
            seen = Math.Max(seen, Math.Max(answer.Position.Chain.CurrentTerm, answer.Position.Promised > _term ? answer.Position.Promised : 0));
        if (seen < _term) return false;
        if (!_request!.IsConfigured)
        {
            ulong term = _term;
            _service.StandDown(null);
            _mirror.Log(MirrorEvent.NotSynchronised, $"service {_service.Name}: term {term} is too low: a member knows of term {seen}");
            _mirror.Roles?.OnTermTooLow(_service.Name, term, seen);
            return true;
        }
        _term = seen + 1;
        _service.StoreTerm(_term);
        _survey.Begin(now, _term);
        return true;
    }

    private bool MayJudge(Timestamp now)
    {
        TimeSpan waited = now - _started;
        int others = Counted().Count();
        bool isEnough = Remembering() >= Needed;
        bool isSettled = others >= Others;
        if (isSettled && !_mirror.Group.IsRefused && (isEnough || _acceptsLoss || _request!.IsConfigured || !AnyoneHolds())) return true;
        if (_request!.IsConfigured)
        {
            _due = _started + (waited < _options.RecoveryGrace ? _options.RecoveryGrace : _options.RecoveryLimit);
            if (waited >= _options.RecoveryLimit) return true;
            return waited >= _options.RecoveryGrace && (isEnough || (!_request.RanBefore && !AnyoneHolds())); // a node that never was primary has acknowledged nothing
        }
        Timestamp deadline = _started + _options.CollectDeadline, awaited = Timestamp.Min(deadline, _survey.AwaitedUntil(_options.SilentAfter));
        bool mayServe = isEnough || _acceptsLoss;
        if (mayServe && now >= awaited) return true;
        bool isLate = now >= deadline;
        _due = mayServe ? awaited : isLate ? Timestamp.Never : deadline;
        if (isLate && !isEnough && !_saysItWaits)
        {
            _saysItWaits = true;
            _mirror.Log(MirrorEvent.NotSynchronised, $"service {_service.Name}: cannot serve in term {_term} without losing acknowledged writes: {Doing}");
        }
        return false;
    }

    private bool AnyoneHolds() => _service.Highest != RecordVersion.None || _survey.Answers.Any(static answer => answer.Position.Highest != RecordVersion.None);

    private int Remembering()
    {
        int self = _service.Remembers && _request!.Holders.Contains(_mirror.Group.Name) ? 1 : 0;
        return self + Counted().Count(static answer => answer.Position.Remembers);
    }

    // Whoever answered and cannot be reached any more meets no set of members: what only it holds can be fetched from nobody. It counts if others have as much.
    private IEnumerable<SurveyAnswer> Counted()
    {
        RecordVersion reach = TakeoverPlan.ReachOf(_service.ToPosition(), _survey.Answers, out TermChain newest);
        return _survey.Answers.Where(answer =>
            _request!.Holders.Contains(answer.Member.Name) && (answer.Member.State == MemberState.Live || newest.Clamp(answer.Position.Position) <= reach));
    }

    private string Missing() => string.Join(", ", _request!.Holders.Where(name =>
        name == _mirror.Group.Name ? !_service.Remembers : !_survey.Answers.Any(answer => answer.Member.Name == name && answer.Position.Remembers)));

    private void Report(TakeoverPlan plan)
    {
        int counted = Remembering(), answered = Counted().Count(), all = _request!.Holders.Count;
        bool mayHaveWritten = _request.RanBefore || AnyoneHolds() || !_request.IsConfigured;
        if (plan.IsEmpty)
        {
            bool isLoss = mayHaveWritten && answered < Others;
            if (isLoss) Lost($"no member that answered holds anything, and {Others - answered} of {Others} others did not answer: what they hold is lost to this term", isUnsafe: true);
            else _mirror.Log(MirrorEvent.ColdStart, $"service {_service.Name}: cold start: no member of the group holds anything; beginning empty in term {_term}");
            return;
        }
        if (counted < Needed && mayHaveWritten)
            Lost($"only {counted} of {all} data members answered and remember what they acknowledged, and {Needed} are needed: acknowledged writes that only {Missing()} held are lost", isUnsafe: true);
        if (plan.Passed is { } passed)
            Lost($"{passed.Member.Name} holds the state through {passed.Position.Position} but cannot be fetched from: writes after {plan.Reach} are lost", isUnsafe: true);
        if (plan.IsPartial)
            Lost($"the most advanced member, {plan.Best?.Name ?? _mirror.Group.Name}, is not complete: writes after {plan.Reach} up to {plan.Cut} are kept only in part", isUnsafe: false);
    }

    private void TickDiscard(Timestamp now)
    {
        if (!_discard!.Step()) return;
        _service.OnDiscarded(_discard, _plan!.Chain);
        _discard = null;
        FetchOrServe(now);
    }

    private void FetchOrServe(Timestamp now)
    {
        TakeoverPlan plan = _plan!;
        bool isBehind = plan.Best is not null && (_service.Position < plan.Reach || _service.Highest < plan.Cut);
        if (!isBehind && _service.Debt.IsEmpty)
        {
            Serve(plan.Newest, plan.Cut);
            return;
        }
        GroupMember? server = plan.Best ?? plan.Second;
        if (server is null)
        {
            Lost($"{_service.Debt.Keys.Count} keys whose newest writes lay beyond the cut have no older value here, and nobody else holds one", isUnsafe: false);
            _service.Debt.Clear();
            Serve(plan.Newest, plan.Cut);
            return;
        }
        _service.MarkIncomplete($"a takeover fetches from {server.Name}");
        BeginFetch(server, _service.SinceFor(plan.ServerFloor), now);
    }

    private void BeginFetch(GroupMember server, RecordVersion since, Timestamp now)
    {
        if (_rounds++ == 0) _mirror.Log(MirrorEvent.Progress, $"service {_service.Name}: recovering from {server.Name}, which holds the state through {_plan!.Reach}");
        _fetch = _mirror.Fetch(_service, server, since, fromAnyone: true);
        _due = now + _options.FetchTimeout;
    }

    private void TickFetch(Timestamp now)
    {
        // A member that is not complete may get more while it serves; each round brings less.
        const int maxRounds = 64;
        SnapshotFetch fetch = _fetch!;
        fetch.Step(now);
        _due = fetch.LastHeard + _options.FetchTimeout;
        bool isAnotherLife = fetch.IsDone && fetch.Server == _plan!.Best && fetch.Begin.Position < _plan.Reach; // it has restarted since it answered: a position never goes back
        if (fetch.IsDone && !isAnotherLife)
        {
            _fetch = null;
            bool stoodStill = fetch.Begin.Position == fetch.End.Position && fetch.Begin.Highest == fetch.End.Highest;
            if (stoodStill || _rounds >= maxRounds) Serve(_plan!.Newest, RecordVersion.Max(_plan.Cut, _plan.Newest.Clamp(RecordVersion.Max(fetch.End.Highest, _service.Highest))));
            else BeginFetch(fetch.Server, fetch.Begin.Position, now);
            return;
        }
        bool isSilent = !fetch.HasWork && now.Nanoseconds >= _due.Nanoseconds;
        if (!isAnotherLife && !fetch.HasFailed && !isSilent && fetch.Server.State != MemberState.Left) return;
        fetch.Cancel();
        _fetch = null;
        if (fetch.IsBelowFloor) _service.Debt.IsWhole = true;
        if (_failed.Contains(fetch.Server)) _failed.Clear();
        _failed.Add(fetch.Server);
        _mirror.Counters.Retries++;
        _due = now + _backoff.Next();
        _started = _due; // the members are fewer now: the wait for the others begins anew
    }

    private void Serve(TermChain chain, RecordVersion cut)
    {
        ulong term = _term;
        Cancel();
        _service.BeginTerm(chain.Begin(term, cut));
        _mirror.Log(MirrorEvent.Progress, $"service {_service.Name}: primary in term {term}, after {cut}");
        _mirror.Roles?.OnServing(_service.Name, term);
    }

    private void Lost(string loss, bool isUnsafe)
    {
        if (isUnsafe) _mirror.Counters.UnsafeRecoveries++;
        _mirror.Log(MirrorEvent.Lost, $"service {_service.Name}: {loss}");
    }
}
