using Appliance.State;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Mirroring.Oracle;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>Writes on the primary as a listener does: checks, writes, and answers its clients when what they wrote is acknowledged, or says that it does not know.</summary>
internal sealed class MirrorClient : IStoreObserver
{
    private const int MostWaiting = 64;
    private const long LongestBusy = 12_000_000_000;
    private const long ShortlyBefore = 4_000_000_000;
    private readonly MirrorApplication _member;
    private readonly MirrorWorld _world;
    private readonly Queue<ulong> _offers = new();
    private readonly List<Waiting> _unanswered = [];
    private readonly List<Write> _written = [];
    private bool _isBusy;
    private long _busyAt;

    internal MirrorClient(MirrorApplication member, MirrorWorld world) => (_member, _world) = (member, world);

    private readonly record struct Waiting(WriteDependency Dependency, long Deadline, Write[] Writes, int[] Keys);

    /// <summary>Operations that were not begun.</summary>
    internal int Offered => _offers.Count;

    /// <summary>When something must happen at the latest.</summary>
    internal long NextDeadline => _offers.Count > 0 && !_isBusy && Store.IsPrimary ? 0 : _unanswered.Count > 0 ? _unanswered[0].Deadline : long.MaxValue;

    private ServiceStore Store => _member.Service.Store;

    /// <summary>The mirror has started.</summary>
    internal void Begin() => Store.Subscribe(this);

    /// <summary>A client wants something.</summary>
    internal void Offer(ulong seed)
    {
        if (_offers.Count < MostWaiting) _offers.Enqueue(seed);
    }

    /// <summary>The loop turns.</summary>
    internal void OnRound(long time)
    {
        while (!_isBusy && _offers.TryPeek(out ulong seed))
        {
            if (!Operate(seed, time)) break;
            _offers.Dequeue();
        }
        OnResolved();
        while (_unanswered.Count > 0 && _unanswered[0] is var first && first.Deadline <= time)
        {
            _unanswered.RemoveAt(0);
            CheckUnacknowledged(first);
            _world.MirrorTotals.OutcomeUnknown++;
        }
    }

    /// <summary>Nobody may be kept from writing for ever.</summary>
    internal void CheckBusy(long time)
    {
        if (_isBusy && time - Math.Max(_busyAt, _member.Node.RunningSince) > LongestBusy)
            throw new InvariantViolation($"{_member.Life} has been too busy to write for {(time - _busyAt) / 1e9:F1} s");
    }

    /// <summary>A member dies: what it held and had perhaps reported already.</summary>
    internal void NoteHolder(MirrorApplication dying)
    {
        foreach (Waiting waiting in _unanswered)
        {
            foreach (Write write in waiting.Writes)
            {
                if (dying.Service.Holds(write)) write.LateHolders.Add(dying.Life);
            }
        }
    }

    /// <inheritdoc/>
    public void OnResolved()
    {
        for (int i = 0; i < _unanswered.Count;)
        {
            Waiting waiting = _unanswered[i];
            if (Store.IsResolved(waiting.Dependency))
            {
                _unanswered.RemoveAt(i);
                Answer(waiting.Writes);
            }
            else
            {
                i++;
            }
        }
    }

    /// <inheritdoc/>
    public void OnWritable() => _isBusy = false;

    /// <inheritdoc/>
    public void OnRoleChanged() => _member.Node.Wake(_world.Time);

    // False when it must be tried again later.
    private bool Operate(ulong seed, long time)
    {
        Operation operation = new(seed, _world.MirrorPlan.HasBallast);
        WriteRefusal refusal = WriteRefusal.None;
        foreach (int key in operation.Keys)
        {
            refusal = Store.CheckWrite(KeySpace.Key(key), operation.MostBytes);
            if (refusal != WriteRefusal.None) break;
            CheckEnoughMembers(key, time);
        }
        if (refusal != WriteRefusal.None) return Refuse(refusal, time);
        Store.Dependency = default;
        ulong before = Store.LastTicket;
        _member.Group.InOperation = true;
        operation.Run(Store, _member.Node.WallMilliseconds);
        _member.Group.InOperation = false;
        _world.MirrorTotals.Operations++;
        CollectWritten(operation, before);
        WriteDependency dependency = Store.Dependency;
        if (Store.IsResolved(dependency)) Answer(_written.ToArray());
        else _unanswered.Add(new Waiting(dependency, time + Store.AcknowledgementTimeout.Ticks * 100, _written.ToArray(), operation.Keys.ToArray()));
        return true;
    }

    // Whatever other classes wait for: who has what the classes of his own keys ask for is told so. A key that he found as he wanted it counts too: what he saw may be pending.
    private void CheckUnacknowledged(Waiting waiting)
    {
        int acknowledged = Store.AcknowledgedBy(waiting.Dependency.Ticket);
        if (Store.IsPrimary && waiting.Writes.Length > 0 && waiting.Keys.All(key => Promise(key, out int copies) && copies <= acknowledged))
            throw new InvariantViolation($"{_member.Life} does not answer for {waiting.Writes[0]}, which {acknowledged} others have acknowledged");
    }

    private bool Refuse(WriteRefusal refusal, long time)
    {
        _world.MirrorTotals.Refused(refusal);
        if (refusal != WriteRefusal.Busy) return true;
        _isBusy = true;
        _busyAt = time;
        return false;
    }

    // What a class insists on must at least have been possible a moment ago, as far as news travel: none reach a loop that hangs.
    private void CheckEnoughMembers(int key, long time)
    {
        if (time - _member.Node.RunningSince < ShortlyBefore) return;
        if (Promise(key, out int copies) && _world.Lives.Where(life => life != _member.Life && life.LastComplete > time - ShortlyBefore).Select(static life => life.Node).Distinct().Count() < copies)
            throw new InvariantViolation($"{_member.Life} accepts a write to key {key}, which {copies} others must acknowledge; so many have not been complete for 4 s");
    }

    private void CollectWritten(Operation operation, ulong before)
    {
        _written.Clear();
        foreach (int key in operation.Keys)
        {
            if (!Promise(key, out _)) continue;
            if (_world.History.Newest is not { } term) continue;
            for (int field = -1; field < KeySpace.Fields; field++)
            {
                Write? newest = _world.History.NewestOf(key, field);
                if (newest is not null && newest.Version > before && term.Keeps(newest.Version)) _written.Add(newest);
            }
        }
    }

    private void Answer(Write[] writes)
    {
        foreach (Write write in writes)
        {
            Promise(write.Key, out int copies);
            _world.Promises.Acknowledge(_member.Life, write, copies);
        }
        _world.MirrorTotals.Answered++;
    }

    // What a class promises without reservation.
    private bool Promise(int key, out int copies)
    {
        ClassPolicies.Policy policy = _member.Service.Publisher.Policies.Of(KeySpace.ClassOf(key));
        copies = policy.AcceptsWhenShort ? 0 : policy.Acknowledgements;
        return copies > 0;
    }
}
