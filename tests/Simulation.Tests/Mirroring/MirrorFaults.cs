using Appliance.Tests.Simulation.Faults;
using Appliance.Tests.Simulation.Kernel;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>Chooses the faults of a run of mirrors: above all, who loses its memory when, and who cannot be reached then.</summary>
internal static class MirrorFaults
{
    private const long Millisecond = 1_000_000;
    private const long FirstFault = 1_500 * Millisecond;

    private static readonly (FaultKind Kind, int Weight)[] Weights =
    [
        (FaultKind.Crash, 36),
        (FaultKind.Partition, 12),
        (FaultKind.OneWay, 8),
        (FaultKind.Freeze, 8),
        (FaultKind.Suspend, 4),
        (FaultKind.Stall, 4),
        (FaultKind.Leave, 5),
        (FaultKind.Unplug, 5),
        (FaultKind.Slow, 4),
        (FaultKind.Storm, 5),
        (FaultKind.MulticastCut, 3),
        (FaultKind.WallStep, 6),
    ];

    /// <summary>The faults of a plan, in no order.</summary>
    internal static List<Fault> Make(SimulationPlan plan, int primary, SimulationRandom random)
    {
        List<Fault> faults = [];
        int count = random.Chance(0.1) ? 0 : random.Between(1, 8);
        bool mayStayDead = plan.Nodes > 2 && random.Chance(0.1);
        for (int i = 0; i < count; i++)
        {
            FaultKind kind = Choose(random);
            // A crash of the primary and of others at about the same time is what promises are for.
            bool hitsPrimary = random.Chance(kind is FaultKind.Crash or FaultKind.WallStep ? 0.4 : 0.2);
            int node = hitsPrimary ? primary : random.Below(plan.Nodes);
            int other = kind == FaultKind.Partition ? random.Between(1, (1 << plan.Nodes) - 2) : Other(random, plan.Nodes, node);
            long from = faults.Count > 0 && random.Chance(0.4)
                ? Math.Clamp(faults[^1].From + random.Between(-200, 1500) * Millisecond, FirstFault, SimulationPlan.HealAt - 200 * Millisecond)
                : random.Between(FirstFault, SimulationPlan.HealAt - 200 * Millisecond);
            long through = Math.Min(from + Duration(kind, random), SimulationPlan.HealAt);
            if (kind == FaultKind.Crash && mayStayDead && node != primary)
            {
                mayStayDead = false;
                through = long.MaxValue;
            }
            faults.Add(new Fault(kind, from, through, node, other));
        }
        if (plan.Nodes > 2 && random.Chance(0.3)) AddDeathApart(faults, plan, primary, random);
        if (random.Chance(0.3)) AddDeathWhileServing(faults, plan, primary, random);
        return faults;
    }

    // The primary dies while it can reach only some; it returns where it can reach only the others: what those some have more lies beyond the cut.
    private static void AddDeathApart(List<Fault> faults, SimulationPlan plan, int primary, SimulationRandom random)
    {
        int all = (1 << plan.Nodes) - 1, self = 1 << primary;
        int some = random.Between(1, all - 1) & ~self;
        if (some == 0 || some == (all & ~self)) some = 1 << Other(random, plan.Nodes, primary);
        long apart = random.Between(FirstFault, SimulationPlan.HealAt - 9_000 * Millisecond);
        long death = apart + random.Between(20, 1_500) * Millisecond;
        long back = death + random.Between(5, 1_000) * Millisecond;
        long whole = back + random.Between(100, 6_000) * Millisecond;
        faults.Add(new Fault(FaultKind.Partition, apart, death, primary, some | self));
        faults.Add(new Fault(FaultKind.Partition, death, whole, primary, some));
        faults.Add(new Fault(FaultKind.Crash, death, back, primary, primary));
    }

    // A node returns and fetches, and whoever serves it dies, perhaps at that moment.
    private static void AddDeathWhileServing(List<Fault> faults, SimulationPlan plan, int primary, SimulationRandom random)
    {
        int node = random.Chance(0.5) ? primary : random.Below(plan.Nodes);
        long death = random.Between(FirstFault, SimulationPlan.HealAt - 4_000 * Millisecond);
        long back = death + random.Between(5, 2_000) * Millisecond;
        long next = back + random.Between(1, 120) * Millisecond;
        faults.Add(new Fault(FaultKind.Crash, death, back, node, node));
        faults.Add(new Fault(FaultKind.Crash, next, next + random.Between(5, 500) * Millisecond, Other(random, plan.Nodes, node), node));
    }

    private static FaultKind Choose(SimulationRandom random)
    {
        int die = random.Below(Weights.Sum(static one => one.Weight));
        foreach ((FaultKind kind, int weight) in Weights)
        {
            if ((die -= weight) < 0) return kind;
        }
        throw new InvalidOperationException("the weights do not add up");
    }

    private static int Other(SimulationRandom random, int nodes, int node)
    {
        int other = random.Below(nodes - 1);
        return other >= node ? other + 1 : other;
    }

    private static long Duration(FaultKind kind, SimulationRandom random) => Millisecond * kind switch
    {
        FaultKind.Crash or FaultKind.Leave when random.Chance(0.5) => random.Between(2L, 300),
        FaultKind.Freeze or FaultKind.Suspend or FaultKind.Stall when random.Chance(0.5) => random.Between(5L, 200),
        _ => random.Between(100L, 6000),
    };
}
