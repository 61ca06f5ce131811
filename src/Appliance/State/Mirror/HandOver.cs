using System.Globalization;
using Appliance.Multicast;

namespace Appliance.State;

/// <summary>
/// A primary's planned farewell: no new writes, everything applied by the target and acknowledged, one message, and it is a secondary (ARCHITECTURE 6). Listeners see back-pressure, no errors; when it
/// takes too long the primary goes on.
/// </summary>
/// <remarks>
/// A write that more members must acknowledge than there are holds nothing up: the target has it, and its client would be told that its outcome is unknown all the same.
/// </remarks>
internal sealed class HandOver
{
    private readonly MirroredService _service;
    private readonly StateMirror _mirror;
    private readonly StateMirrorOptions _options;
    private GroupMember? _target;
    private Timestamp _begun, _patience, _deadline, _due;

    internal HandOver(MirroredService service, StateMirror mirror, StateMirrorOptions options)
    {
        _service = service;
        _mirror = mirror;
        _options = options;
    }

    /// <summary>It is under way: writes wait.</summary>
    internal bool IsActive => _target is not null;

    /// <summary>When <see cref="Tick"/> has something to do.</summary>
    internal Timestamp NextDeadline => IsActive ? _due : Timestamp.Never;

    /// <summary>Begins.</summary>
    internal void Begin(string name, Timestamp now)
    {
        if (IsActive)
        {
            _mirror.Roles?.OnHandOverFailed(_service.Name, name, $"it is being handed over to {_target!.Name}");
            return;
        }
        if (WhyNot(name, out GroupMember? target) is { } hindrance)
        {
            Fail(name, hindrance);
            return;
        }
        _target = target;
        _begun = now;
        _deadline = now + _options.HandOverLimit;
        _patience = _due = now + _options.HandOverLimit / 2;
        _service.Publisher.IsPaused = true;
        _service.Publisher.RequestAcknowledgement();
        _mirror.Group.Flush();
    }

    /// <summary>Why it would not begin; null: it would.</summary>
    internal string? WhyNot(string name, out GroupMember? target)
    {
        target = _mirror.Members.FirstOrDefault(member => member.Name == name && member.State == MemberState.Live);
        return _service.Role != ServiceRole.Primary ? "this node is not the primary"
            : target is null ? $"{name} is not there"
            : target is not { Role: MemberRole.Data, Synchronised: true } ? $"{name} does not hold the complete state"
            : _service.Publisher.Committed is { } committed && !committed.Contains(target.Node) ? $"{name} is not in the committed synchronised set yet"
            : null;
    }

    /// <summary>Goes on.</summary>
    internal void Tick(Timestamp now)
    {
        if (_target is not { } target) return;
        ServicePublisher publisher = _service.Publisher;
        bool isDrained = !publisher.AwaitsPresentMembers && publisher.IsAppliedBy(target, publisher.Last);
        // The others too, if they are quick: who has less than the cut must fetch the rest and is out of step meanwhile.
        bool isQuiet = isDrained && publisher.AcknowledgedBy(publisher.Last.Value) == publisher.CountEligible();
        if (isQuiet || (isDrained && now.Nanoseconds >= _patience.Nanoseconds))
        {
            if (TryTell(target, now)) return;
        }
        if (now.Nanoseconds >= _patience.Nanoseconds) _due = _deadline;
        if (target is { State: MemberState.Live, Synchronised: true } && now.Nanoseconds < _deadline.Nanoseconds) return;
        _target = null;
        Resume();
        Fail(target.Name, target.State != MemberState.Live ? $"{target.Name} is gone"
            : !target.Synchronised ? $"{target.Name} does not hold the complete state any more"
            : isDrained ? $"the flow window stayed closed for {_options.HandOverLimit.TotalMilliseconds} ms"
            : $"{target.Name} or the acknowledgements of earlier writes took longer than {_options.HandOverLimit.TotalMilliseconds} ms");
    }

    /// <summary>The service is no longer this node's to hand over.</summary>
    internal void Cancel()
    {
        if (_target is not { } target) return;
        _target = null;
        Resume();
        Fail(target.Name, "this node is no longer the primary");
    }

    private bool TryTell(GroupMember target, Timestamp now)
    {
        ulong next = _service.Term + 1;
        Span<byte> message = stackalloc byte[HandOverMessage.Bytes];
        HandOverMessage.Write(message, _service.Id, _service.Publisher.Last, target.Node, next);
        if (!_mirror.TryPublish(message)) return false;
        _target = null;
        _service.StandDown(target.Name);
        _service.Publisher.IsPaused = false;
        _mirror.Counters.HandOvers++;
        _mirror.Log(MirrorEvent.Progress, string.Create(CultureInfo.InvariantCulture, $"service {_service.Name}: handed over to {target.Name} after {_service.Position}; writes had paused for {(now - _begun).TotalMilliseconds:F1} ms"));
        _mirror.Roles?.OnHandedOver(_service.Name, target.Name, next);
        return true;
    }

    private void Resume()
    {
        _service.Publisher.IsPaused = false;
        _service.Store.OnWindowOpen();
    }

    private void Fail(string target, string why)
    {
        _mirror.Log(MirrorEvent.Progress, $"service {_service.Name}: not handed over to {target}: {why}");
        _mirror.Roles?.OnHandOverFailed(_service.Name, target, why);
    }
}
