using Appliance.Multicast;

namespace Appliance.State;

/// <summary>What a member answered when asked where it stands.</summary>
/// <param name="Member">The member.</param>
/// <param name="Position">Null when it does not know the service.</param>
internal sealed record SurveyAnswer(GroupMember Member, ServicePosition? Position);

/// <summary>Asks members where they stand with one service. One survey at a time; members that appear meanwhile are asked too.</summary>
internal sealed class Survey : ISyncChannelHandler
{
    private static readonly byte[] Request = [(byte)SyncMessageType.PositionRequest];
    private readonly ISyncTransport _transport;
    private readonly ServiceId _service;
    private readonly MirrorCounters _counters;
    private readonly List<(GroupMember Member, ISyncChannel Channel)> _asked = [];
    private readonly List<SurveyAnswer> _answers = [];

    internal Survey(ISyncTransport transport, ServiceId service, MirrorCounters counters)
    {
        _transport = transport;
        _service = service;
        _counters = counters;
    }

    /// <summary>The answers so far, one for each member and life.</summary>
    internal IReadOnlyList<SurveyAnswer> Answers => _answers;

    /// <summary>Everyone who was asked has answered or cannot be reached.</summary>
    internal bool IsSettled => _asked.Count == 0;

    /// <summary>Asks those data members who are live, were not asked yet and have not answered.</summary>
    internal void Ask(IReadOnlyList<GroupMember> members)
    {
        foreach (GroupMember member in members)
        {
            if (member is not { Role: MemberRole.Data, State: MemberState.Live }) continue;
            if (_asked.Exists(asked => asked.Member == member) || _answers.Exists(answer => answer.Member == member)) continue;
            ISyncChannel channel = _transport.Open(member, this);
            _asked.Add((member, channel));
            channel.Send(Request);
        }
    }

    /// <summary>Forgets an answer, so that the member is asked again.</summary>
    internal void AskAgain(Predicate<SurveyAnswer> which) => _answers.RemoveAll(which);

    /// <summary>Ends the survey.</summary>
    internal void Reset()
    {
        foreach ((_, ISyncChannel channel) in _asked) channel.Close();
        _asked.Clear();
        _answers.Clear();
    }

    /// <inheritdoc/>
    public void OnMessage(ISyncChannel channel, ReadOnlySpan<byte> message)
    {
        int index = _asked.FindIndex(asked => asked.Channel == channel);
        if (index < 0) return;
        GroupMember member = _asked[index].Member;
        _asked.RemoveAt(index);
        channel.Close();
        if (PositionsMessage.TryParse(message, _service, out ServicePosition? position)) _answers.Add(new SurveyAnswer(member, position));
        else _counters.Malformed++;
    }

    /// <inheritdoc/>
    public void OnClosed(ISyncChannel channel) => _asked.RemoveAll(asked => asked.Channel == channel);
}
