using Appliance.Multicast.Protocol;
using Appliance.Tests.Simulation.Kernel;

namespace Appliance.Tests.Simulation.Faults;

/// <summary>Chooses the faults of a run.</summary>
internal static class FaultPlan
{
    private const long Millisecond = 1_000_000;
    private const long FirstFault = 1_000 * Millisecond;
    private const long LastGasp = 100 * Millisecond;

    /// <summary>The faults of a plan, in no order.</summary>
    internal static List<Fault> Make(SimulationPlan plan, SimulationRandom random)
    {
        List<Fault> faults = [];
        switch (plan.Kind)
        {
            case PlanKind.Crashes: AddOneByOne(plan, random, faults, FaultKind.Crash, 4_000, 4_000); break;
            case PlanKind.MulticastFails: AddOneByOne(plan, random, faults, FaultKind.MulticastCut, 1_000, 5_300); break;
            case PlanKind.Pauses: AddOneByOne(plan, random, faults, random.Chance(0.5) ? FaultKind.Freeze : FaultKind.Suspend, 5, 3_000); break;
            case PlanKind.Leaves: AddOneByOne(plan, random, faults, FaultKind.Leave, 3_000, 4_000); break;
            case PlanKind.Mixed: AddMixed(plan, random, faults); break;
            default: break;
        }
        if (plan.Options.Security == GroupSecurity.Sealed && random.Chance(0.3)) AddKeyRotation(plan, random, faults);
        return faults;
    }

    // One after the other. A crash lasts so long that the survivors have completed the stream before its sender returns.
    private static void AddOneByOne(SimulationPlan plan, SimulationRandom random, List<Fault> faults, FaultKind kind, long leastMilliseconds, long mostMilliseconds)
    {
        const long slot = 5_600 * Millisecond;
        for (int i = 0; i < plan.Faults; i++)
        {
            long from = FirstFault + i * slot + random.Between(0L, 500 * Millisecond);
            Fault fault = new(kind, from, from + random.Between(leastMilliseconds, mostMilliseconds) * Millisecond, random.Below(plan.Nodes), 0);
            faults.Add(fault);
            if (kind == FaultKind.Crash) AddLastGasp(plan, fault, faults);
        }
    }

    // Who dies loses much of what it sends last. The others then differ in what they hold of it, and in what they have only heard of. It is shorter than any lag timeout: nobody is ejected for it.
    private static void AddLastGasp(SimulationPlan plan, Fault crash, List<Fault> faults)
    {
        for (int node = 0; node < plan.Nodes; node++)
        {
            if (node != crash.Node) faults.Add(new Fault(FaultKind.Storm, crash.From - LastGasp, crash.From, crash.Node, node));
        }
    }

    private static void AddMixed(SimulationPlan plan, SimulationRandom random, List<Fault> faults)
    {
        int dead = 0;
        for (int i = 0; i < plan.Faults; i++)
        {
            FaultKind kind = (FaultKind)random.Below((int)FaultKind.WallStep + 1);
            int node = random.Below(plan.Nodes);
            int other = kind == FaultKind.Partition ? random.Between(1, (1 << plan.Nodes) - 2) : Other(random, plan.Nodes, node);
            long from = random.Between(FirstFault, SimulationPlan.HealAt - 200 * Millisecond);
            long through = Math.Min(from + Duration(kind, random), SimulationPlan.HealAt);
            if (kind == FaultKind.Crash && dead < plan.MayStayDead)
            {
                dead++;
                through = long.MaxValue;
            }
            faults.Add(new Fault(kind, from, through, node, other));
        }
    }

    private static void AddKeyRotation(SimulationPlan plan, SimulationRandom random, List<Fault> faults)
    {
        const long slowest = 4_000 * Millisecond;
        long from = random.Between(FirstFault, SimulationPlan.HealAt - 2 * slowest);
        faults.Add(new Fault(FaultKind.KeyRotation, from, from + 2 * slowest, 0, 0));
        for (int node = 0; node < plan.Nodes; node++)
        {
            long sealFrom = from + random.Between(1L, slowest);
            faults.Add(new Fault(FaultKind.KeySeal, sealFrom, long.MaxValue, node, 0));
        }
    }

    private static int Other(SimulationRandom random, int nodes, int node)
    {
        int other = random.Below(nodes - 1);
        return other >= node ? other + 1 : other;
    }

    private static long Duration(FaultKind kind, SimulationRandom random) => kind switch
    {
        FaultKind.Freeze or FaultKind.Suspend or FaultKind.Stall => Millisecond * (random.Chance(0.5) ? random.Between(5L, 200) : random.Between(200L, 6000)),
        FaultKind.Crash or FaultKind.Leave => Millisecond * random.Between(5L, 5000),
        FaultKind.MulticastCut => Millisecond * random.Between(1000L, 8000),
        _ => Millisecond * random.Between(20L, 5000),
    };
}
