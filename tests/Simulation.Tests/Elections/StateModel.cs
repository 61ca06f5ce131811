using System.Numerics;
using Appliance.Cluster.Elections;
using Appliance.Multicast;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>
/// What stands for the state mirror of one service in one life: collects from enough members after an election, replicates, acknowledges, and keeps the synchronised set
/// (ARCHITECTURE 3, the cut and step 5). Only what the elections depend on.
/// </summary>
internal sealed class StateModel
{
    private readonly ElectionLife _life;
    private readonly ElectionWorld _world;
    private readonly int _service;
    private readonly Entry?[] _applied = new Entry?[ElectionOptions.MaxMembers];
    private readonly long[] _heard = new long[ElectionOptions.MaxMembers];
    private uint _promised;
    private uint _logTerm;
    private uint _term;
    private SynchronisedSet _committed;
    private bool _hasCommitted;
    private SynchronisedSet _elected;
    private ElectionKind _kind;
    private ushort _answered, _answeredWithState;
    private Entry? _best;
    private uint _bestTerm;
    private Entry? _acknowledged;
    private long _collectingSince;
    private bool _hasCut;
    private string? _violation;
    private int _cutLength;
    private int _target = -1;
    private long _preparedBy, _targetUntil;
    private bool _isPreparing;

    internal StateModel(ElectionLife life, ElectionWorld world, int service)
    {
        _life = life;
        _world = world;
        _service = service;
    }

    /// <summary>The log that it holds.</summary>
    internal Entry? Log { get; private set; }

    /// <summary>The term under which it was taken over.</summary>
    internal uint LogTerm => _logTerm;

    /// <summary>It holds the state.</summary>
    internal bool Synchronised { get; private set; }

    /// <summary>Primary whose cut is held by as many as acknowledge a write: whoever is elected next meets it.</summary>
    internal bool Serves { get; private set; }

    private bool IsPrimary => _term != 0;

    private ElectionEngine Engine => _life.Engine;

    private int Self => Engine.View.SlotOf(_life.Id);

    internal void OnElected(uint term, SynchronisedSet set, ElectionKind kind)
    {
        (_term, _elected, _kind) = (term, set, kind);
        _hasCommitted = false;
        Serves = _hasCut = false;
        Array.Clear(_applied);
        Array.Clear(_heard);
        _answered = _answeredWithState = (ushort)(1 << Self);
        if (!Synchronised) _answeredWithState = 0;
        (_best, _bestTerm) = Synchronised ? (Log, _logTerm) : (null, 0);
        _collectingSince = _world.Time;
        _promised = Math.Max(_promised, term);
        _target = -1;
    }

    internal void OnLost()
    {
        _term = 0;
        Serves = _hasCut = false;
        _target = -1;
    }

    internal void OnSet(SynchronisedSet set)
    {
        bool reduced = _hasCommitted && (_committed.Members & ~set.Members) != 0;
        if (reduced) _world.Totals.ReducedSets++;
        (_committed, _hasCommitted) = (set, true);
        _world.Totals.SetCommits++;
    }

    /// <summary>The operator, or the engine, wants another primary: it is prepared, mostly, and then nothing is written until it has everything.</summary>
    internal void BeginHandOver(int target)
    {
        if (!Serves || _target >= 0) return;
        _target = target;
        _isPreparing = target >= 0 && _world.Random.Chance(0.8);
        _preparedBy = _world.Time + _world.Random.Between(0L, 2 * _world.DeadAfter);
        _targetUntil = _preparedBy + 20 * _world.DeadAfter / 10;
        if (_isPreparing) Engine.Nominate(_life.Now, _service, Engine.View.NodeOf(target));
    }

    /// <summary>A client writes.</summary>
    internal void Write()
    {
        if (!Serves || (_target >= 0 && !_isPreparing) || !Engine.IsPrimary(_service, _life.Now) || !_life.LeaseIsValid(_service)) return;
        Log = _world.Oracle.Write(_service, Log, _term);
        _applied[Self] = Log;
    }

    internal void OnMessage(int from, StateMessage message)
    {
        switch (message.Kind)
        {
            case StateMessageKind.Replicate when message.Term >= _promised && message.Term >= _logTerm && !Serves:
                bool older = message.Term == _logTerm && (message.Log?.Length ?? 0) < (Log?.Length ?? 0);     // overtaken on its way
                if (!older) (_promised, _logTerm, Log, Synchronised) = (message.Term, message.Term, message.Log, true);
                _life.Send(from, new StateMessage(StateMessageKind.Applied, _service, message.Term, Log));
                break;
            case StateMessageKind.Applied when _hasCut && message.Term == _term && SlotOf(from) is >= 0 and int slot:
                if (_applied[slot] is null || (message.Log?.Length ?? 0) > _applied[slot]!.Length) _applied[slot] = message.Log;
                _heard[slot] = _world.Time;
                break;
            case StateMessageKind.Ask when message.Term >= _promised && !Serves:
                _promised = message.Term;
                _life.Send(from, new StateMessage(StateMessageKind.Answer, _service, message.Term, Log, _logTerm, Synchronised));
                break;
            case StateMessageKind.Answer when IsPrimary && !_hasCut && message.Term == _term && SlotOf(from) is >= 0 and int slot:
                _answered |= (ushort)(1 << slot);
                if (!message.Synchronised) break;
                _answeredWithState |= (ushort)(1 << slot);
                bool better = message.LogTerm > _bestTerm || (message.LogTerm == _bestTerm && (message.Log?.Length ?? 0) > (_best?.Length ?? 0));
                if (better) (_best, _bestTerm) = (message.Log, message.LogTerm);
                break;
            default:
                break;
        }
    }

    /// <summary>Goes on; may call the engine.</summary>
    internal void Step(bool sends)
    {
        if (!IsPrimary) return;
        if (!_hasCut) TryCut();
        if (!_hasCut)
        {
            if (sends) SendToAll(new StateMessage(StateMessageKind.Ask, _service, _term, null));
            return;
        }
        if (!Serves) TryServe();
        if (sends && _life.LeaseIsValid(_service)) SendToAll(new StateMessage(StateMessageKind.Replicate, _service, _term, Log));
        if (!Serves) return;
        Acknowledge();
        KeepSet();
        HandOver();
    }

    private static int Required(int promise, bool acceptsShort, ushort members) => acceptsShort ? Math.Min(promise, int.PopCount(members) - 1) : promise;

    private int RequiredOf(ushort members) => Required(_world.Plan.Promise, _world.Plan.AcceptsShort, members);

    private int SlotOf(int node) => Engine.View.SlotOf(_world.Nodes[node].Id);

    private void TryCut()
    {
        ushort set = _elected.Members;
        bool cold = _kind is ElectionKind.ColdStart;
        bool all = (set & ~_answered) == 0;
        bool enough = int.PopCount(set & _answeredWithState) >= int.PopCount(set) - Math.Min(_world.Plan.Promise, int.PopCount(set) - 1);
        bool loss = _kind == ElectionKind.WithLoss && _world.Time - _collectingSince > 2 * _world.DeadAfter;
        bool without = _world.Plan is { Quorum: false } && _world.Time - _collectingSince > 2 * _world.DeadAfter;
        if (!enough && !all && !loss && !without && !(cold && _answered == Engine.View.Data)) return;
        if (!_life.LeaseIsValid(_service)) return;
        _violation = _world.Oracle.Judge(_life.Node, _service, set, _best);
        Log = _best;
        _logTerm = _term;
        Synchronised = true;
        _hasCut = true;
        _cutLength = Log?.Length ?? 0;
        _acknowledged = null;
        _applied[Self] = Log;
        _life.UpdateReadiness(_service);
        SendToAll(new StateMessage(StateMessageKind.Replicate, _service, _term, Log));
    }

    private void TryServe()
    {
        if (!_hasCommitted || !_life.LeaseIsValid(_service)) return;
        if (Holders(_committed.Members, Kept) < RequiredOf(_committed.Members))
        {
            if (!_world.Plan.AcceptsShort || _world.Time - _collectingSince > 2 * _world.DeadAfter) KeepSet();
            return;
        }
        Serves = true;
        _world.Oracle.OnServe(_life.Node, _service, _term, Log, _violation);
        Engine.SetServing(_life.Now, _service);
    }

    // What must not be lost: the cut, and what was acknowledged after it.
    private int Kept => Math.Max(_cutLength, _acknowledged?.Length ?? 0);

    private bool HasApplied(int slot, int length) => _heard[slot] != 0 && (_applied[slot]?.Length ?? 0) >= length;

    // Other members that have applied so much in this term.
    private int Holders(ushort members, int length)
    {
        int holders = 0;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
            if (slot != Self && (members >> slot & 1) != 0 && HasApplied(slot, length)) holders++;
        return holders;
    }

    private void Acknowledge()
    {
        if (Log is null || !_hasCommitted || !_life.LeaseIsValid(_service)) return;
        SynchronisedSet proposed = Engine.SetOf(_service);
        Entry at = Log;
        while (at.Term == _term && (at.Length > (_acknowledged?.Length ?? 0)) && (Holders(_committed.Members, at.Length) < RequiredOf(_committed.Members) || Holders(proposed.Members, at.Length) < RequiredOf(proposed.Members)))
        {
            if (at.Before is null) return;
            at = at.Before;
        }
        if (at.Term != _term || at.Length <= (_acknowledged?.Length ?? 0)) return;
        _acknowledged = at;
        _world.Totals.Acknowledged++;
        _world.Oracle.OnAcknowledged(_life.Node, _service, at);
    }

    // Out of the set go those that the operator removes, and, if short sets are accepted, those that are silent; into it come those that have everything.
    private void KeepSet()
    {
        if (!_hasCommitted || !Engine.SetIsCommitted(_service)) return;
        ushort set = _committed.Members, members = set;
        bool isShort = Holders(set, Log?.Length ?? 0) < RequiredOf(set);
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
        {
            if (slot == Self || (Engine.View.Data >> slot & 1) == 0) continue;
            ushort bit = (ushort)(1 << slot);
            bool recent = _heard[slot] != 0 && _world.Time - _heard[slot] < 2 * _world.DeadAfter;
            bool complete = recent && HasApplied(slot, Kept);
            if (_world.IsLeaving(Engine.View.NodeOf(slot))) members &= (ushort)~bit;
            else if ((set & bit) != 0 && isShort && _world.Plan.AcceptsShort && !recent) members &= (ushort)~bit;
            else if ((set & bit) == 0 && complete) members |= bit;
        }
        if (members == set) return;
        if (Holders(members, Kept) < RequiredOf(members)) return;
        Engine.ProposeSynchronisedSet(_life.Now, _service, members);
        _world.OnProposed(_life.Node);
        if ((members & ~set) != 0 && _target < 0 && _world.Random.Chance(0.2)) BeginTooEarly(BitOperations.TrailingZeroCount(members & ~set));
    }

    // Nobody has heard yet that the target belongs to the set: it must be refused, or wait.
    private void BeginTooEarly(int target)
    {
        (_target, _isPreparing) = (target, false);
        _targetUntil = _world.Time + 2 * _world.DeadAfter;
    }

    // The set changes in the moment of the hand-over: the target, which was told that another one is committed, has not heard of it.
    private void ProposeWithoutAnother(int target)
    {
        if (!_hasCommitted || !Engine.SetIsCommitted(_service)) return;
        int others = _committed.Members & ~(1 << Self | 1 << target);
        if (others == 0) return;
        ushort members = (ushort)(_committed.Members & ~(1 << BitOperations.TrailingZeroCount(others)));
        if (Holders(members, Kept) >= RequiredOf(members)) Engine.ProposeSynchronisedSet(_life.Now, _service, members);
    }

    private void HandOver()
    {
        if (_target < 0) return;
        if (_world.Time > _targetUntil)
        {
            _target = -1;
            Engine.Nominate(_life.Now, _service, NodeId.None);
            return;
        }
        if (_isPreparing && !Engine.IsPrepared(_service) && _world.Time < _preparedBy) return;
        _isPreparing = false;
        bool all = Log is null || (_acknowledged is { } acknowledged && acknowledged.Length == Log.Length) || Log.Term != _term;
        if (!all || (Log is not null && !ReferenceEquals(_applied[_target], Log))) return;
        int target = _target;
        _target = -1;
        if (_world.Random.Chance(0.2)) ProposeWithoutAnother(target);
        Engine.TransferTo(_life.Now, _service, Engine.View.NodeOf(target));
    }

    private void SendToAll(StateMessage message)
    {
        for (int node = 0; node < _world.Nodes.Length; node++)
            if (node != _life.Node && SlotOf(node) is >= 0 and int slot && (Engine.View.Data >> slot & 1) != 0) _life.Send(node, message);
    }
}
