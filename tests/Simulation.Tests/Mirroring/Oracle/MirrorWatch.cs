using Appliance.Multicast;
using Appliance.State;
using Appliance.Tests.Simulation.Nodes;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Mirroring.Oracle;

/// <summary>What readers of a member must never see: half a batch, anything beyond a cut that it was told of, what they saw to be gone; and time by the primary's clock.</summary>
internal sealed class MirrorWatch
{
    private const long Second = 1_000_000_000;
    private const long ClockMarginMilliseconds = 400;
    private const long MemorySlackBytes = 8 << 20;
    private readonly MirrorWorld _world;

    internal MirrorWatch(MirrorWorld world) => _world = world;

    /// <summary>After each round that changed something.</summary>
    internal void AfterRound(MirrorApplication member)
    {
        if (member.Service.IsComplete)
        {
            member.Life.LastComplete = _world.Time;
            CheckBatches(member);
        }
        else
        {
            CheckCut(member);
        }
    }

    /// <summary>Now and then.</summary>
    internal void Check(MirrorApplication member)
    {
        MirroredService service = member.Service;
        if (service.Store.Tables.LiveBytes > _world.MirrorPlan.Limits.MemoryBytes + MemorySlackBytes) throw new InvariantViolation($"{member.Life} holds {service.Store.Tables.LiveBytes} B");
        if (service.Store.Tables.TombstoneCount > KeySpace.Count * (1 + KeySpace.Fields)) throw new InvariantViolation($"{member.Life} holds {service.Store.Tables.TombstoneCount} tombstones");
        if (service.IsComplete) member.Life.LastComplete = _world.Time;
        _world.MirrorTotals.TombstonesCollected += Math.Max(0, member.Life.Tombstones - service.Store.Tables.TombstoneCount);
        member.Life.Tombstones = service.Store.Tables.TombstoneCount;
        CheckCut(member);
        CheckMonotony(member);
        CheckExpiry(member);
    }

    private void CheckBatches(MirrorApplication member)
    {
        ServiceStore store = member.Service.Store;
        for (int group = 0; group < KeySpace.BatchGroups; group++)
        {
            int first = KeySpace.FirstBatchKey + group * KeySpace.BatchKeys;
            bool found = store.TryRead(KeySpace.Key(first), out StoredValue value);
            for (int key = first + 1; key < first + KeySpace.BatchKeys; key++)
            {
                if (store.TryRead(KeySpace.Key(key), out StoredValue other) == found && (!found || other.Bytes.SequenceEqual(value.Bytes))) continue;
                throw new InvariantViolation($"{member.Life} shows half a batch: key {first} {(found ? value.Version : 0)}, key {key} {other.Version}, position {member.Service.Position.Value}, highest {member.Service.Highest.Value}");
            }
        }
    }

    private void CheckCut(MirrorApplication member)
    {
        if (member.Life.KnownTerm == 0) return;
        TermHistory term = _world.History.Term(member.Life.KnownTerm);
        ServiceStore store = member.Service.Store;
        for (int key = 0; key < KeySpace.FirstBallast; key++)
        {
            if (key is >= KeySpace.Values and < KeySpace.FirstBatchKey) CheckFields(member, term, key);
            else if (store.TryRead(KeySpace.Key(key), out StoredValue value)) RequireKept(member, ref term, key, value.Version);
        }
    }

    private void CheckFields(MirrorApplication member, TermHistory term, int key)
    {
        for (int field = 0; field < KeySpace.Fields; field++)
        {
            if (member.Service.Store.TryReadField(KeySpace.Key(key), KeySpace.Field(field), out StoredValue value)) RequireKept(member, ref term, key, value.Version);
        }
    }

    private void RequireKept(MirrorApplication member, ref TermHistory term, int key, ulong version)
    {
        if (term.Covers(version)) return;
        TermHistory writtenIn = _world.History.TermOf(version);
        if (writtenIn.Number <= term.Number)
            throw new InvariantViolation($"{member.Life} shows key {key} as written in {new RecordVersion(version)}, beyond the cut of term {term.Number}, which it was told");
        term = writtenIn;
        member.Life.KnownTerm = term.Number;
    }

    private void CheckMonotony(MirrorApplication member)
    {
        if (member.Service.Role == ServiceRole.Recovering) return; // it serves nobody, and begins anew when who served it dies
        for (int key = 0; key < KeySpace.FirstBallast; key++)
        {
            if (key is >= KeySpace.Values and < KeySpace.FirstBatchKey) continue;
            bool found = member.Service.Store.TryRead(KeySpace.Key(key), out StoredValue value);
            // Clocks may be set back: what has expired may be seen again.
            if (!found && value.Version != 0 && _world.History.Find(key, -1, value.Version)?.Expiry > 0) continue;
            bool isDeleted = !found && _world.History.Find(key, -1, value.Version) is { IsTombstone: true };
            bool isDiscarded = !found && value.Version != 0 && !isDeleted;
            if (!member.Service.IsComplete && (isDiscarded || value.Version == 0)) continue; // what a cut removed is missing until it has been fetched again
            ulong later = member.Life.Observe(key, isDiscarded ? 0 : value.Version);
            if (isDeleted && later == value.Version) continue; // it was forgotten here, and who served a snapshot remembers it: readers see nothing either way
            if (later != 0 && _world.History.Newest!.Keeps(later) && !_world.History.MayReturn(key, later))
                throw new InvariantViolation($"{member.Life} shows key {key} as written in {new RecordVersion(value.Version)} again, after {new RecordVersion(later)}");
        }
    }

    // Only where the secondary can know the primary's clock: both run, nobody set a clock, and they hear each other.
    private void CheckExpiry(MirrorApplication member)
    {
        SimulatedNode primary = _world.Nodes[_world.MirrorPlan.Primary];
        if (member.Node == primary || !primary.Alive || !member.Service.IsComplete || _world.Time - _world.ClockDisturbedAt < 3 * Second) return;
        GroupMember? seen = member.Node.Members.FirstOrDefault(other => other.Node == primary.Self && other.Incarnation == primary.Incarnation);
        if (seen is not { State: MemberState.Live } || seen.RoundTrip == TimeSpan.Zero || (member.Node.Now.Nanoseconds - seen.LastHeard.Nanoseconds) > Second / 2) return;
        if (_world.Time - Math.Max(primary.RunningSince, member.Node.RunningSince) < 3 * Second || primary.RoundInterval > 0 || member.Node.RoundInterval > 0) return;
        if (primary.Frozen + primary.Stalled + member.Node.Frozen + member.Node.Stalled > 0) return;
        long now = primary.Clock.WallMilliseconds(_world.Time);
        for (int key = 0; key < KeySpace.Values; key++)
        {
            bool found = member.Service.Store.TryRead(KeySpace.Key(key), out StoredValue value);
            if (found && value.ExpiryMilliseconds != 0 && value.ExpiryMilliseconds < now - ClockMarginMilliseconds)
                throw new InvariantViolation($"{member.Life} shows key {key}, which expired {now - value.ExpiryMilliseconds} ms ago by the primary's clock");
            if (found || value.Version == 0 || _world.History.Find(key, -1, value.Version) is not { IsTombstone: false } write) continue;
            if (write.Expiry == 0 || write.Expiry > now + ClockMarginMilliseconds)
                throw new InvariantViolation($"{member.Life} hides {write}, which expires in {write.Expiry - now} ms by the primary's clock");
            _world.MirrorTotals.HiddenAsExpired++;
        }
    }
}
