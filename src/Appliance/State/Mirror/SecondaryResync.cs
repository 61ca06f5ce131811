using Appliance.Multicast;

namespace Appliance.State;

/// <summary>
/// Brings a secondary back into step: asks the members where they stand, discards what lies beyond a cut, fetches what is missing from one that has it, until nothing is
/// (ARCHITECTURE 4, join and resync). Also verifies that nothing is missing when a new life of the primary appears.
/// </summary>
internal sealed class SecondaryResync
{
    private readonly MirroredService _service;
    private readonly StateMirror _mirror;
    private readonly StateMirrorOptions _options;
    private readonly Survey _survey;
    private readonly Backoff _backoff;
    private readonly List<GroupMember> _failed = [];
    private Step _step;
    private Timestamp _due;
    private DiscardWalk? _discard;
    private SnapshotFetch? _fetch;
    private RecordVersion _target;
    private ulong _gapEpoch;
    private bool _onlyVerifies;
    private List<SurveyAnswer> _candidates = [];

    internal SecondaryResync(MirroredService service, StateMirror mirror, StateMirrorOptions options)
    {
        _service = service;
        _mirror = mirror;
        _options = options;
        _survey = new Survey(mirror, service, options.RetryDelay);
        _backoff = new Backoff(options.RetryDelay, options.RetryLimit, options.Limits.RandomSeed ^ service.Id.Value);
    }

    private enum Step
    {
        Idle,
        Wait,
        Survey,
        Settle,
        Discard,
        Fetch,
    }

    /// <summary>What it does, in words; empty when idle.</summary>
    internal string Doing => _step switch
    {
        Step.Survey => "asking the members where they stand",
        Step.Discard => "discarding what lies beyond the cut",
        Step.Fetch => $"fetching from {_fetch?.Server.Name}",
        Step.Wait => _service.IsElected ? "waiting for the primary" : "waiting for a member with the complete state",
        _ => "",
    };

    /// <summary>When <see cref="Tick"/> has something to do.</summary>
    internal Timestamp NextDeadline => _step == Step.Idle ? Timestamp.Never : _step == Step.Discard || _fetch is { HasWork: true } ? default : Timestamp.Min(_due, _survey.NextDeadline);

    /// <summary>Starts, or goes on if it is under way already.</summary>
    internal void Start(Timestamp now)
    {
        if (_step != Step.Idle && !_onlyVerifies) return;
        _onlyVerifies = false;
        _mirror.Counters.Resynchronisations++;
        BeginSurvey(now);
    }

    /// <summary>Looks later whether this node is in step, and starts if it is not.</summary>
    internal void VerifyAt(Timestamp due)
    {
        if (_step != Step.Idle) return;
        _onlyVerifies = true;
        _step = Step.Wait;
        _due = due;
    }

    /// <summary>Something has happened for which it may wait.</summary>
    internal void Poke(Timestamp now)
    {
        if (_step == Step.Wait) _due = Timestamp.Min(_due, now);
    }

    /// <summary>Gives up: this node is to be the primary. What was removed stays to be fetched again.</summary>
    internal void Stop()
    {
        if (_discard is not null) _service.Debt.Add(_discard);
        _fetch?.Cancel();
        _survey.End();
        _step = Step.Idle;
        (_discard, _fetch, _candidates, _onlyVerifies) = (null, null, [], false);
    }

    /// <summary>Goes on.</summary>
    internal void Tick(Timestamp now)
    {
        switch (_step)
        {
            case Step.Wait when now.Nanoseconds >= _due.Nanoseconds && _onlyVerifies && _service is { IsComplete: true, IsInStep: true }:
                _onlyVerifies = false;
                _step = Step.Idle;
                break;
            case Step.Wait when now.Nanoseconds >= _due.Nanoseconds:
                _onlyVerifies = false;
                BeginSurvey(now);
                break;
            case Step.Survey:
                TickSurvey(now);
                break;
            case Step.Settle when IsInStep():
                Finish();
                break;
            case Step.Settle when now.Nanoseconds >= _due.Nanoseconds || !_service.IsComplete:
                BeginFetch(now);
                break;
            case Step.Discard:
                TickDiscard(now);
                break;
            case Step.Fetch:
                TickFetch(now);
                break;
        }
    }

    /// <summary>The members are others now.</summary>
    internal void OnMembersChanged(Timestamp now)
    {
        _survey.OnMembersChanged(now);
        if (!_onlyVerifies) Poke(now);
    }

    /// <summary>A member has said where it stands.</summary>
    internal void OnAnswer(GroupMember member, ulong number, ServicePosition position) => _survey.OnAnswer(member, number, position);

    private void BeginSurvey(Timestamp now)
    {
        _step = Step.Survey;
        _due = now + _options.SurveyTimeout;
        _gapEpoch = _service.GapEpoch;
        _survey.Begin(now, 0);
    }

    private void TickSurvey(Timestamp now)
    {
        _survey.Tick(now);
        if (!_survey.IsSettled && now.Nanoseconds < _due.Nanoseconds) return;
        List<SurveyAnswer> complete = [.. _survey.Answers.Where(static answer => answer.Position.IsComplete)];
        _survey.End();
        // Who is elected has collected all that was acknowledged. Everyone else may lack what this node has acknowledged and forgotten: to take their state for the whole would hide that it is lost.
        bool isKnownWhole = !_service.IsElected || complete.Exists(one => one.Position.IsPrimary && one.Position.Chain.CurrentTerm >= _service.SeenTerm);
        if (complete.Count == 0 || !isKnownWhole || complete.TrueForAll(one => one.Position.Chain.CurrentTerm < _service.SeenTerm))
        {
            Retry(now);
            return;
        }
        TermChain newest = complete.MaxBy(static one => one.Position.Chain.CurrentTerm)!.Position.Chain;
        _service.AdoptChain(newest);
        complete.RemoveAll(one => one.Position.Chain.CurrentTerm < _service.Chain.CurrentTerm);
        if (complete.Count == 0)
        {
            Retry(now); // the cut reached this node by the stream and nobody who answered yet
            return;
        }
        if (complete.Find(static one => one.Position.IsPrimary) is { } primary) _service.SetPrimary(primary.Member.Name);
        _target = complete.Max(static one => one.Position.Position);
        _candidates = complete;
        if (_service.NeedsDiscard)
        {
            _discard = new DiscardWalk(_service.Store.Tables, _service.Chain, _service.Kept);
            _step = Step.Discard;
        }
        else if (_service.IsComplete)
        {
            _step = Step.Settle; // nothing is known to be missing: what the primary has written meanwhile is on its way
            _due = now + _options.SurveyTimeout;
        }
        else
        {
            BeginFetch(now);
        }
    }

    private void TickDiscard(Timestamp now)
    {
        if (!_discard!.Step()) return;
        _service.OnDiscarded(_discard, _service.Chain);
        _discard = null;
        BeginFetch(now);
    }

    private void BeginFetch(Timestamp now)
    {
        if (IsInStep())
        {
            Finish();
            return;
        }
        // A secondary serves first: the primary has other work. One that just failed serves last.
        SurveyAnswer? best = _candidates
            .Where(one => one.Member.State == MemberState.Live)
            .OrderBy(one => _failed.Contains(one.Member))
            .ThenBy(one => one.Position.IsPrimary)
            .ThenByDescending(static one => one.Position.Position)
            .FirstOrDefault();
        if (best is null)
        {
            Retry(now);
            return;
        }
        GroupMember server = best.Member;
        RecordVersion since = _service.SinceFor(best.Position.Floor);
        if (since == RecordVersion.None && !_service.IsComplete) _mirror.Log(MirrorEvent.Progress, $"service {_service.Name}: fetching a snapshot from {server.Name}");
        _fetch = _mirror.Fetch(_service, server, since, fromAnyone: false);
        _step = Step.Fetch;
        _due = now + _options.FetchTimeout;
    }

    private void TickFetch(Timestamp now)
    {
        SnapshotFetch fetch = _fetch!;
        fetch.Step(now);
        if (fetch.IsDone)
        {
            _fetch = null;
            _failed.Clear();
            _backoff.Reset();
            if (IsInStep()) Finish();
            else BeginSurvey(now); // the server stood behind what this node needs: by now it has more
            return;
        }
        bool isSilent = !fetch.HasWork && now.Nanoseconds >= (fetch.LastHeard + _options.FetchTimeout).Nanoseconds;
        if (!fetch.HasFailed && !isSilent && fetch.Server.State == MemberState.Live)
        {
            _due = fetch.LastHeard + _options.FetchTimeout;
            return;
        }
        fetch.Cancel();
        _fetch = null;
        if (fetch.IsBelowFloor) _service.Debt.IsWhole = true;
        else if (!_failed.Contains(fetch.Server)) _failed.Add(fetch.Server);
        Retry(now);
    }

    private bool IsInStep() =>
        _gapEpoch == _service.GapEpoch && !_service.NeedsDiscard && _service.Debt.IsEmpty
        && !_service.CannotStore && _service.IsInStep && _service.Position >= _target && _service.Chain.CurrentTerm != 0;

    private void Finish()
    {
        _step = Step.Idle;
        _candidates = [];
        _backoff.Reset();
        _service.MarkComplete();
    }

    private void Retry(Timestamp now)
    {
        _step = Step.Wait;
        _due = now + _backoff.Next();
        _mirror.Counters.Retries++;
        if (_failed.Count >= _mirror.Members.Count) _failed.Clear();
    }
}
