using Appliance.Multicast;

namespace Appliance.State;

/// <summary>
/// What a restarted primary does before it serves: collects from the survivors where they stand, from so many that every possible set of acknowledging members is met, fetches
/// what the most advanced one has, and cuts (ARCHITECTURE 3 and 6).
/// </summary>
/// <remarks>
/// Of N other data members, k of which acknowledged a write, any N - k + 1 contain one that has it; one that lost its memory since does not count. With fewer answers the primary waits up to
/// <see cref="StateMirrorOptions.RecoveryLimit"/>, then serves all the same and says so loudly.
/// </remarks>
internal sealed class PrimaryRecovery
{
    // A member that is not complete may get more while it serves; each round brings less.
    private const int MaxRounds = 64;

    private readonly MirroredService _service;
    private readonly StateMirror _mirror;
    private readonly StateMirrorOptions _options;
    private readonly ITermStore _terms;
    private readonly Survey _survey;
    private readonly Backoff _backoff;
    private readonly List<byte[]> _noKeys = [];
    private readonly List<GroupMember> _failed = [];
    private readonly bool _ranBefore;
    private ulong _term;
    private Timestamp _started, _due;
    private bool _hasStarted;
    private SnapshotFetch? _fetch;
    private DiscardWalk? _clear;
    private SurveyAnswer? _best;
    private int _rounds;
    private bool _isUnsafe;

    /// <exception cref="IOException">The term cannot be read or stored.</exception>
    internal PrimaryRecovery(MirroredService service, StateMirror mirror, StateMirrorOptions options, ITermStore terms)
    {
        _service = service;
        _mirror = mirror;
        _options = options;
        _terms = terms;
        _survey = new Survey(mirror, service, options.RetryDelay);
        _backoff = new Backoff(options.RetryDelay, options.RetryLimit, options.Limits.RandomSeed ^ service.Id.Value);
        ulong newest = terms.ReadTerm(service.Name);
        _ranBefore = newest != 0;
        _term = newest + 1; // counted before anything is done in it: a term is never used twice
        terms.WriteTerm(service.Name, _term);
    }

    /// <summary>It serves, or gave way to another node.</summary>
    internal bool IsDone { get; private set; }

    /// <summary>What it does, in words.</summary>
    internal string Doing =>
        IsDone ? ""
        : _mirror.Group.IsRefused ? "recovering: the group refuses this node"
        : _fetch is not null ? $"recovering: fetching from {_fetch.Server.Name}"
        : $"recovering: {Counted(_survey.Answers)} of {Others} other data members that remember have answered, {Needed} are needed";

    /// <summary>When <see cref="Tick"/> has something to do.</summary>
    internal Timestamp NextDeadline => IsDone ? Timestamp.Never : _clear is not null || _fetch is { HasWork: true } ? default : Timestamp.Min(_due, _survey.NextDeadline);

    private int Others => _options.DataMembers.Count - 1;

    /// <summary>So many others must answer that every set of members that may have acknowledged something is met.</summary>
    private int Needed
    {
        get
        {
            int promise = _service.Publisher.Policies.SmallestPromise;
            return promise == 0 ? Math.Min(1, Others) : Math.Max(Math.Min(1, Others), Others - promise + 1);
        }
    }

    /// <summary>Goes on.</summary>
    internal void Tick(Timestamp now)
    {
        if (IsDone) return;
        if (!_hasStarted)
        {
            _hasStarted = true;
            _started = now;
        }
        if (_clear is not null) TickClear(now);
        else if (_fetch is not null) TickFetch(now);
        else TickSurvey(now);
    }

    /// <summary>The members are others now.</summary>
    internal void OnMembersChanged(Timestamp now) => _survey.OnMembersChanged(now);

    /// <summary>A member has said where it stands.</summary>
    internal void OnAnswer(GroupMember member, ulong number, ServicePosition position) => _survey.OnAnswer(member, number, position);

    private void TickSurvey(Timestamp now)
    {
        if (!_survey.IsActive)
        {
            if (now.Nanoseconds < _due.Nanoseconds) return; // the last attempt failed
            _survey.Begin(now, _term);
        }
        if (_mirror.Group.IsRefused) _started = now; // a clone, or an old life that is not given up yet: others serve
        _survey.Tick(now);
        List<SurveyAnswer> answers = [.. _survey.Answers.Where(answer => _options.DataMembers.Contains(answer.Member.Name))];
        if (RaiseTerm(answers, now)) return;
        TimeSpan waited = now - _started;
        _due = _started + (waited < _options.RecoveryGrace ? _options.RecoveryGrace : _options.RecoveryLimit);
        if (!MayJudge(answers, waited)) return;
        int counted = Counted(answers);
        _isUnsafe = counted < Needed && (_ranBefore || answers.Exists(HasSomething));
        List<SurveyAnswer> holders = [.. answers.Where(HasSomething).Where(answer => answer.Member.State == MemberState.Live)];
        _survey.End();
        _best = holders
            .OrderBy(answer => _failed.Contains(answer.Member))
            .ThenByDescending(static answer => answer.Position.Position)
            .ThenByDescending(static answer => answer.Position.IsComplete)
            .FirstOrDefault();
        if (_best is null)
        {
            if (answers.Count < Others && _ranBefore)
                Report($"no other member that answered holds anything, and {Others - answers.Count} of {Others} did not answer: what they hold is lost to this term");
            else
                _mirror.Log(MirrorEvent.ColdStart, $"service {_service.Name}: cold start: no member of the group holds anything; beginning empty in term {_term}");
            Serve(TermChain.Empty, RecordVersion.None);
            return;
        }
        if (_isUnsafe)
            Report($"only {counted} of {Others} other data members answered and remember what they acknowledged, and {Needed} are needed: acknowledged writes that only the others held are lost");
        _service.ResetForRecovery(_best.Position.Chain);
        _rounds = 0;
        bool holdsSomething = _service.Store.Tables.Keys.Count > 0 || _service.Store.Tables.Fields.Count > 0;
        if (holdsSomething) _clear = new DiscardWalk(_service.Store.Tables, TermChain.Empty); // what a broken fetch left may be more than the next one cuts at
        else BeginFetch(RecordVersion.None, now);
    }

    // A member that has seen, or promised, a term as high as this one would refuse what is written in it.
    private bool RaiseTerm(List<SurveyAnswer> answers, Timestamp now)
    {
        ulong seen = 0;
        foreach (SurveyAnswer answer in answers) seen = Math.Max(seen, Math.Max(answer.Position.Chain.CurrentTerm, answer.Position.Promised > _term ? answer.Position.Promised : 0));
        if (seen < _term) return false;
        _term = seen + 1;
        _terms.WriteTerm(_service.Name, _term);
        _survey.Begin(now, _term);
        return true;
    }

    private bool MayJudge(List<SurveyAnswer> answers, TimeSpan waited)
    {
        if (answers.Count >= Others && !_mirror.Group.IsRefused) return true;
        if (waited >= _options.RecoveryLimit) return true;
        if (waited < _options.RecoveryGrace) return false;
        return Counted(answers) >= Needed || (!_ranBefore && !answers.Exists(HasSomething)); // a node that never was primary has acknowledged nothing
    }

    private int Counted(IReadOnlyList<SurveyAnswer> answers) => answers.Count(answer => answer.Position.Remembers && _options.DataMembers.Contains(answer.Member.Name));

    private static bool HasSomething(SurveyAnswer answer) => answer.Position.Highest != RecordVersion.None;

    private void TickClear(Timestamp now)
    {
        if (!_clear!.Step()) return;
        _clear = null;
        BeginFetch(RecordVersion.None, now);
    }

    private void BeginFetch(RecordVersion since, Timestamp now)
    {
        if (_rounds++ == 0) _mirror.Log(MirrorEvent.Progress, $"service {_service.Name}: recovering from {_best!.Member.Name}, which holds the state through {_best.Position.Position}");
        _fetch = _mirror.Fetch(_service, _best!.Member, _noKeys, since, fromAnyone: true);
        _fetch.Now = now;
    }

    private void TickFetch(Timestamp now)
    {
        SnapshotFetch fetch = _fetch!;
        fetch.Step(now);
        _due = fetch.LastHeard + _options.FetchTimeout;
        if (fetch.IsDone)
        {
            _fetch = null;
            bool stoodStill = fetch.Begin.Position == fetch.End.Position && fetch.Begin.Highest == fetch.End.Highest;
            if (!stoodStill && _rounds < MaxRounds)
            {
                BeginFetch(fetch.Begin.Position, now);
                return;
            }
            RecordVersion cut = RecordVersion.Max(fetch.End.Position, RecordVersion.Max(fetch.End.Highest, _service.Highest));
            if (cut > fetch.End.Position) Report($"the most advanced member, {fetch.Server.Name}, is not complete: writes after {fetch.End.Position} up to {cut} are kept only in part");
            Serve(_service.Chain, cut);
            return;
        }
        bool isSilent = !fetch.HasWork && now.Nanoseconds >= _due.Nanoseconds;
        if (!fetch.HasFailed && !isSilent && fetch.Server.State != MemberState.Left) return;
        fetch.Cancel();
        _fetch = null;
        if (_failed.Contains(fetch.Server)) _failed.Clear();
        _failed.Add(fetch.Server);
        _mirror.Counters.Retries++;
        _due = now + _backoff.Next();
        _started = _due; // the survivors are fewer now: the wait for the others begins anew
    }

    private void Serve(TermChain chain, RecordVersion cut)
    {
        IsDone = true;
        _survey.End();
        _service.BecomePrimary(chain.Begin(_term, cut));
        _mirror.Log(MirrorEvent.Progress, $"service {_service.Name}: primary in term {_term}, after {cut}");
    }

    private void Report(string loss)
    {
        if (_isUnsafe) _mirror.Counters.UnsafeRecoveries++;
        _mirror.Log(MirrorEvent.Lost, $"service {_service.Name}: {loss}");
    }
}
