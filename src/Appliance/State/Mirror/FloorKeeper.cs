using Appliance.Multicast;

namespace Appliance.State;

/// <summary>
/// Decides on the primary how long tombstones are kept: until every configured data member has passed them, but no longer than the retention; tells the others
/// (ARCHITECTURE 5). When memory forces it, <see cref="MemoryGuard"/> raises the floor by itself, and this tells the others too.
/// </summary>
internal sealed class FloorKeeper
{
    private const int Checkpoints = 16;
    private readonly MirroredService _service;
    private readonly StateMirror _mirror;
    private readonly StateMirrorOptions _options;
    private readonly Dictionary<string, RecordVersion> _passed = [];
    private readonly Queue<(Timestamp At, RecordVersion Version)> _checkpoints = new();
    private Timestamp _due;
    private RecordVersion _told;

    internal FloorKeeper(MirroredService service, StateMirror mirror, StateMirrorOptions options)
    {
        _service = service;
        _mirror = mirror;
        _options = options;
        UseDataMembers(options.DataMembers);
    }

    private TimeSpan Interval => TimeSpan.FromTicks(Math.Clamp(_options.TombstoneRetention.Ticks / Checkpoints, TimeSpan.TicksPerMillisecond, TimeSpan.TicksPerSecond));

    /// <summary>Looks where the members stand.</summary>
    internal void Step(Timestamp now)
    {
        if (_service.Role != ServiceRole.Primary || now.Nanoseconds < _due.Nanoseconds) return;
        _due = now + Interval;
        RememberNow(now);
        _service.Store.Memory.RaiseFloor(RecordVersion.Max(PassedByAll(), OlderThanRetention(now)));
        Tell();
    }

    /// <summary>Tombstones wait for these members.</summary>
    internal void UseDataMembers(IReadOnlyList<string> names)
    {
        foreach (string gone in _passed.Keys.Except(names).ToList()) _passed.Remove(gone);
        foreach (string member in names)
            if (member != _options.Node) _passed.TryAdd(member, RecordVersion.None);
    }

    private void RememberNow(Timestamp now)
    {
        TimeSpan spacing = _options.TombstoneRetention / Checkpoints;
        if (_checkpoints.Count > 0 && now.Nanoseconds < (_checkpoints.Last().At + spacing).Nanoseconds) return;
        _checkpoints.Enqueue((now, _service.Publisher.Last));
    }

    private RecordVersion OlderThanRetention(Timestamp now)
    {
        RecordVersion version = RecordVersion.None;
        while (_checkpoints.TryPeek(out (Timestamp At, RecordVersion Version) oldest) && now.Nanoseconds >= (oldest.At + _options.TombstoneRetention).Nanoseconds)
        {
            version = oldest.Version;
            _checkpoints.Dequeue();
        }
        return version;
    }

    private RecordVersion PassedByAll()
    {
        foreach (GroupMember member in _mirror.Members)
        {
            if (!member.Synchronised || !_passed.TryGetValue(member.Name, out RecordVersion passed)) continue;
            _passed[member.Name] = RecordVersion.Max(passed, _service.Publisher.AppliedBy(member));
        }
        RecordVersion all = _service.Publisher.Last;
        foreach (RecordVersion passed in _passed.Values) all = RecordVersion.Min(all, passed);
        return all;
    }

    private void Tell()
    {
        RecordVersion floor = _service.Store.Memory.Floor;
        if (floor <= _told || !_service.Publisher.HasRoom(FloorMessage.Bytes)) return;
        Span<byte> message = stackalloc byte[FloorMessage.Bytes];
        FloorMessage.Write(message, _service.Id, floor);
        if (_mirror.Group.TryPublish(message, PublishOptions.None, out _)) _told = floor;
    }
}
