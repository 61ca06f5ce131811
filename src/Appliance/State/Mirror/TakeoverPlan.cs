using Appliance.Multicast;

namespace Appliance.State;

/// <summary>What follows from where the members stand: where the earlier terms end, and who has what.</summary>
internal sealed record TakeoverPlan
{
    /// <summary>The newest terms that anyone knows.</summary>
    public required TermChain Newest { get; init; }

    /// <summary>The newest terms, ended at the cut.</summary>
    public required TermChain Chain { get; init; }

    /// <summary>The most advanced member; null when it is this node, or nobody holds anything.</summary>
    public required GroupMember? Best { get; init; }

    /// <summary>The most advanced of the others, when this node is ahead.</summary>
    public required GroupMember? Second { get; init; }

    /// <summary>A member that stands further and cannot serve; null when there is none.</summary>
    public required SurveyAnswer? Passed { get; init; }

    /// <summary>Up to here the most advanced member lacks nothing.</summary>
    public required RecordVersion Reach { get; init; }

    /// <summary>The end of all earlier terms.</summary>
    public required RecordVersion Cut { get; init; }

    /// <summary>Tombstones up to here are forgotten by whom this node would fetch from.</summary>
    public required RecordVersion ServerFloor { get; init; }

    /// <summary>Nobody holds anything.</summary>
    public bool IsEmpty => Cut == RecordVersion.None;

    /// <summary>The most advanced member has a hole before the cut.</summary>
    public bool IsPartial => Cut > Reach;

    /// <summary>How far anyone stands that can be fetched from, this node among them, as the newest terms that anyone knows count.</summary>
    internal static RecordVersion ReachOf(ServicePosition self, IReadOnlyList<SurveyAnswer> answers, out TermChain newest)
    {
        newest = NewestOf(self, answers);
        RecordVersion reach = newest.Clamp(self.Position);
        foreach (SurveyAnswer answer in answers)
            if (answer.Member.State == MemberState.Live) reach = RecordVersion.Max(reach, newest.Clamp(answer.Position.Position));
        return reach;
    }

    /// <summary>Decides. The newest terms say what counts of what each member holds; then the position decides.</summary>
    /// <param name="self">This node.</param>
    /// <param name="answers">The others.</param>
    /// <param name="failed">Members that could not serve a moment ago: of those that stand alike, last.</param>
    /// <param name="passesFailed">They come last in any case: what only they hold is lost.</param>
    /// <param name="term">The term that begins.</param>
    internal static TakeoverPlan Make(ServicePosition self, IReadOnlyList<SurveyAnswer> answers, IReadOnlyCollection<GroupMember> failed, bool passesFailed, ulong term)
    {
        TermChain newest = NewestOf(self, answers);
        List<SurveyAnswer> others = [.. answers
            .Where(static answer => answer.Position.Highest != RecordVersion.None && answer.Member.State == MemberState.Live)
            .OrderBy(answer => passesFailed && failed.Contains(answer.Member))
            .ThenByDescending(answer => newest.Clamp(answer.Position.Position))
            .ThenBy(answer => failed.Contains(answer.Member))
            .ThenByDescending(answer => newest.Covers(answer.Position.Highest))
            .ThenByDescending(static answer => answer.Position.IsComplete)
            .ThenByDescending(answer => newest.Clamp(answer.Position.Highest))];
        SurveyAnswer? first = others.FirstOrDefault();
        bool isSelf = first is null || newest.Clamp(self.Position) >= newest.Clamp(first.Position.Position) && !(self.Position == RecordVersion.None && first.Position.Highest > self.Highest);
        ServicePosition best = isSelf ? self : first!.Position;
        SurveyAnswer? passed = others.MaxBy(answer => newest.Clamp(answer.Position.Position));
        RecordVersion reach = newest.Clamp(best.Position);
        RecordVersion cut = RecordVersion.Max(reach, newest.Clamp(best.Highest));
        return new TakeoverPlan
        {
            Newest = newest,
            Chain = newest.Begin(term, cut),
            Best = isSelf ? null : first!.Member,
            Passed = passed is not null && newest.Clamp(passed.Position.Position) > reach ? passed : null,
            Second = isSelf ? first?.Member : null,
            Reach = reach,
            Cut = cut,
            ServerFloor = first?.Position.Floor ?? RecordVersion.None,
        };
    }

    private static TermChain NewestOf(ServicePosition self, IReadOnlyList<SurveyAnswer> answers)
    {
        TermChain newest = self.Chain;
        foreach (SurveyAnswer answer in answers)
            if (answer.Position.Chain.CurrentTerm > newest.CurrentTerm) newest = answer.Position.Chain;
        return newest;
    }
}
