using Appliance.State;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Mirroring.Oracle;

/// <summary>What was promised to clients: an acknowledged write is held by as many others as its class asks for, and outlives the failure of all but one of them.</summary>
internal sealed class AcknowledgementLedger
{
    private readonly MirrorWorld _world;
    private readonly List<Promise> _promises = [];

    internal AcknowledgementLedger(MirrorWorld world) => _world = world;

    private readonly record struct Promise(Write Write, int Copies, MirrorLife[] Holders);

    /// <summary>A client was told that a write is acknowledged.</summary>
    internal void Acknowledge(MirrorLife primary, Write write, int copies)
    {
        List<MirrorLife> holders = [.. write.LateHolders];
        foreach (Nodes.SimulatedNode node in _world.Nodes)
        {
            if (!node.Alive) continue;
            MirrorApplication application = (MirrorApplication)node.Application;
            if (application.Life != primary && application.Service.Holds(write)) holders.Add(application.Life);
        }
        if (holders.Count < copies) throw new InvariantViolation($"{primary} acknowledged {write} as held by {copies} others; it is held by {holders.Count}");
        _promises.Add(new Promise(write, copies, [.. holders]));
        _world.MirrorTotals.Acknowledged++;
    }

    /// <summary>A term begins: what was promised and is not kept must have been reported as lost, unless so many holders failed that nobody could keep it.</summary>
    internal void OnCut(MirrorLife primary, TermHistory term)
    {
        for (int i = _promises.Count - 1; i >= 0; i--)
        {
            Promise promise = _promises[i];
            if (term.Keeps(promise.Write.Version)) continue;
            int failed = promise.Holders.Count(static life => !life.IsRunning);
            if (failed < promise.Copies && !primary.ReportedLoss)
            {
                throw new InvariantViolation(
                    $"{primary} begins term {term.Number} without {promise.Write}, acknowledged by {promise.Copies}; held by {string.Join(' ', promise.Holders.AsEnumerable())}, of whom {failed} failed, and says nothing");
            }
            if (failed < promise.Copies) _world.MirrorTotals.LostAndReported++;
            _promises.RemoveAt(i);
        }
    }
}
