using System.Globalization;
using Appliance.Cluster.Elections;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Cluster.Failover;

/// <summary>
/// One service's planned hand-over: while this node serves, the target gets what costs time (decision 0006, nomination); then writes pause, and it is handed over (<see cref="HandOver"/>). Every step has an
/// end: a target that can no longer take the service over is given up at once, one that is not prepared in time gets it all the same, and clients wait for the disks. Loop thread. Demands A2, E6.
/// </summary>
internal sealed class PlannedHandOver
{
    /// <summary>A disk under load needs no longer for the few votes of a hand-over. Nothing waits meanwhile but the hand-over.</summary>
    internal static readonly TimeSpan PreparationLimit = TimeSpan.FromMilliseconds(300);

    private readonly int _service;
    private readonly string _name;
    private readonly ElectionEngine _elections;
    private readonly StateMirror _mirror;
    private TaskCompletionSource<string?>? _done;
    private NodeId _target;
    private string _targetName = "";
    private bool _isOrdered, _changed;
    private Timestamp _since;

    /// <param name="service">Its number in the elections.</param>
    /// <param name="name">Its name.</param>
    /// <param name="elections">The node's.</param>
    /// <param name="mirror">The node's state, whose <see cref="StateMirror.Roles"/> tells how a hand-over ended: <see cref="End"/>.</param>
    internal PlannedHandOver(int service, string name, ElectionEngine elections, StateMirror mirror) => (_service, _name, _elections, _mirror) = (service, name, elections, mirror);

    /// <summary>It is under way, from <see cref="Begin"/> to <see cref="End"/>.</summary>
    internal bool IsUnderWay => _done is not null;

    /// <summary>When <see cref="Advance"/> has something to do, besides every tick of the elections.</summary>
    internal Timestamp NextDeadline { get; private set; } = Timestamp.Never;

    private bool IsPreparing => NextDeadline != Timestamp.Never;

    /// <summary>Begins, with the next <see cref="Advance"/>: the elections may be calling.</summary>
    /// <param name="now">The loop's time.</param>
    /// <param name="target">To whom.</param>
    /// <param name="name">Its name.</param>
    /// <param name="isOrdered">An operator chose the target: its health is no matter.</param>
    /// <returns>Completes with null once it is handed over, or with the reason why not.</returns>
    internal Task<string?> Begin(Timestamp now, NodeId target, string name, bool isOrdered)
    {
        _done = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        (_target, _targetName, _isOrdered, _changed) = (target, name, isOrdered, true);
        _since = NextDeadline = now;
        return _done.Task;
    }

    /// <summary>Goes on.</summary>
    /// <returns>A line for the log when writes begin to pause; null otherwise.</returns>
    internal string? Advance(Timestamp now)
    {
        if (_changed)
        {
            _changed = false;
            if (IsPreparing) NextDeadline = now + PreparationLimit;
            _elections.Nominate(now, _service, _target);
        }
        if (!IsPreparing) return null;
        if (WhyNot() is { } whyNot)
        {
            _mirror.Roles?.OnHandOverFailed(_name, _targetName, whyNot);
            return null;
        }
        bool isPrepared = _elections.IsPrepared(_service);
        if (!isPrepared && now < NextDeadline) return null;
        NextDeadline = Timestamp.Never;
        string line = string.Create(CultureInfo.InvariantCulture, $"service {_name}: {_targetName} is {(isPrepared ? "" : "not ")}prepared to take over after {(now - _since).TotalMilliseconds:F1} ms");
        _mirror.HandOver(_name, _targetName);
        return line;
    }

    /// <summary>The lease is lost. What the mirror had begun it ends itself.</summary>
    internal void OnLost()
    {
        if (IsPreparing) End("this node is no longer the primary");
    }

    /// <summary>It is over; the nomination ends with the next <see cref="Advance"/>.</summary>
    /// <param name="whyNot">Null: it is handed over.</param>
    internal void End(string? whyNot)
    {
        TaskCompletionSource<string?>? done = _done;
        (_done, _target, NextDeadline, _changed) = (null, NodeId.None, Timestamp.Never, true);
        done?.SetResult(whyNot);
    }

    private string? WhyNot() =>
        _elections.WhyNotTransferTo(_service, _target) ?? _mirror.WhyNotHandOver(_name, _targetName) ?? (_isOrdered ? null : _elections.WhyNotWanted(_service, _target));
}
