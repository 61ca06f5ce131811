using Appliance.Multicast;

namespace Appliance.State;

/// <summary>What a member answered when asked where it stands.</summary>
/// <param name="Member">The member.</param>
/// <param name="Position">Where it stands.</param>
internal sealed record SurveyAnswer(GroupMember Member, ServicePosition Position);

/// <summary>
/// Asks the members where they stand with one service, by a message to the group: no connection is needed. Who has not answered is asked again after a while, and whenever the members are others;
/// so is everyone whose stream this node, or whose stream that member, joined after the question.
/// </summary>
internal sealed class Survey
{
    private readonly StateMirror _mirror;
    private readonly MirroredService _service;
    private readonly TimeSpan _interval;
    private readonly List<SurveyAnswer> _answers = [];
    private ulong _term, _number;
    private Timestamp _due;

    internal Survey(StateMirror mirror, MirroredService service, TimeSpan interval)
    {
        _mirror = mirror;
        _service = service;
        _interval = interval;
    }

    /// <summary>The answers so far, one for each member and life.</summary>
    internal IReadOnlyList<SurveyAnswer> Answers => _answers;

    /// <summary>It is under way.</summary>
    internal bool IsActive => _number != 0;

    /// <summary>When <see cref="Tick"/> asks again.</summary>
    internal Timestamp NextDeadline => IsActive && !IsSettled ? _due : Timestamp.Never;

    /// <summary>Every live data member has answered.</summary>
    internal bool IsSettled
    {
        get
        {
            foreach (GroupMember member in _mirror.Members)
                if (member is { Role: MemberRole.Data, State: MemberState.Live } && !HasAnswered(member)) return false;
            return true;
        }
    }

    /// <summary>Until when an answer may be awaited: the latest time at which a live data member that has not answered counts as silent. The past when there is none.</summary>
    /// <param name="silentAfter">A member of which nothing was heard for so long is silent.</param>
    internal Timestamp AwaitedUntil(TimeSpan silentAfter)
    {
        Timestamp until = default;
        foreach (GroupMember member in _mirror.Members)
            if (member is { Role: MemberRole.Data, State: MemberState.Live } && !HasAnswered(member)) until = Timestamp.Max(until, member.LastHeard + silentAfter);
        return until;
    }

    /// <summary>Asks everyone.</summary>
    /// <param name="now">The time.</param>
    /// <param name="term">The term below which those who answer shall take nothing any more; 0 asks for no promise.</param>
    internal void Begin(Timestamp now, ulong term)
    {
        _answers.Clear();
        _term = term;
        _number = _mirror.NextSurveyNumber();
        _due = now;
        Tick(now);
    }

    /// <summary>Asks those again who have not answered, when it is time.</summary>
    internal void Tick(Timestamp now)
    {
        if (!IsActive || now.Nanoseconds < _due.Nanoseconds || IsSettled) return;
        Span<byte> message = stackalloc byte[SurveyMessage.Bytes];
        SurveyMessage.Write(message, _service.Id, _term, _number);
        if (!_mirror.TryPublish(message)) return; // the window is closed: at the next opportunity
        _mirror.Counters.Surveys++;
        _due = now + _interval;
    }

    /// <summary>The members are others now: who is new is asked with the next <see cref="Tick"/>.</summary>
    internal void OnMembersChanged(Timestamp now)
    {
        _answers.RemoveAll(static answer => answer.Member.State == MemberState.Left);
        _due = now;
    }

    /// <summary>A member has answered.</summary>
    internal void OnAnswer(GroupMember member, ulong number, ServicePosition position)
    {
        if (number != _number) return;
        _answers.RemoveAll(answer => answer.Member == member);
        _answers.Add(new SurveyAnswer(member, position));
    }

    /// <summary>Ends the survey.</summary>
    internal void End()
    {
        _answers.Clear();
        _number = 0;
    }

    private bool HasAnswered(GroupMember member)
    {
        foreach (SurveyAnswer answer in _answers)
            if (answer.Member == member) return true;
        return false;
    }
}
