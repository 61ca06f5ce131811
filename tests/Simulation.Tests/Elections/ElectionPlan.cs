using Appliance.Cluster.Elections;
using Appliance.Tests.Simulation.Kernel;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>What goes wrong, or is asked for, for a while.</summary>
internal enum ElectionFaultKind : byte
{
    /// <summary>Nothing passes from one node to another.</summary>
    OneWay,

    /// <summary>Nothing passes between two parts.</summary>
    Partition,

    /// <summary>A node hears nobody, or nobody hears it.</summary>
    HalfDeaf,

    /// <summary>A process is frozen, often for longer than its lease.</summary>
    Freeze,

    /// <summary>A process's loop hangs; its heartbeat thread goes on for a while.</summary>
    Stall,

    /// <summary>A process is killed; it starts again with empty memory and its vote store.</summary>
    Crash,

    /// <summary>The primary of a service is killed.</summary>
    CrashPrimary,

    /// <summary>The primary of a service is frozen.</summary>
    FreezePrimary,

    /// <summary>One node does not hear the primary of a service any more.</summary>
    PrimaryUnheard,

    /// <summary>All processes are killed.</summary>
    CrashAll,

    /// <summary>One link loses much.</summary>
    Storm,

    /// <summary>The operator moves a service.</summary>
    HandOver,

    /// <summary>The operator drains a node.</summary>
    Drain,

    /// <summary>A node's checks fail.</summary>
    Unhealthy,

    /// <summary>The operator adds the spare node.</summary>
    AddMember,

    /// <summary>The operator removes a node.</summary>
    RemoveMember,
}

/// <summary>One fault of a plan.</summary>
internal readonly record struct ElectionFault(ElectionFaultKind Kind, long From, long Through, int Node, int Other);

/// <summary>Everything about a run that is decided before it starts, from its seed alone.</summary>
internal sealed class ElectionPlan
{
    private const long Millisecond = 1_000_000;

    private ElectionPlan(ulong seed) => Seed = seed;

    internal ulong Seed { get; }

    /// <summary>Members go and come so that lone survivors and their synchronised sets are put to the test.</summary>
    internal bool IsShort { get; private init; }

    /// <summary>Nodes that are members from the beginning, 2 to 7.</summary>
    internal int Members { get; private init; }

    /// <summary>The last so many of them are witnesses.</summary>
    internal int Witnesses { get; private init; }

    /// <summary>Nodes that run and are no members at first.</summary>
    internal int Spares { get; private init; }

    internal int Services { get; private init; }

    internal bool Quorum { get; private init; }

    internal TimeSpan Heartbeat { get; private init; }

    internal TimeSpan DeadAfter { get; private init; }

    internal TimeSpan Lease { get; private init; }

    internal OnLoss OnLoss { get; private init; }

    internal bool Preempt { get; private init; }

    /// <summary>Other members that must have applied a write before it is answered.</summary>
    internal int Promise { get; private init; }

    /// <summary>A primary with too few others commits a smaller set and goes on.</summary>
    internal bool AcceptsShort { get; private init; }

    internal double Loss { get; private init; }

    internal double Duplication { get; private init; }

    internal double Reordering { get; private init; }

    /// <summary>Most that a vote's way to the disk takes.</summary>
    internal long DiskNanoseconds { get; private init; }

    internal IReadOnlyList<ElectionFault> Faults { get; private set; } = [];

    /// <summary>Faults end here.</summary>
    internal long HealAt { get; private init; }

    /// <summary>The run ends here.</summary>
    internal long End { get; private init; }

    internal required SimulationRandom Random { get; init; }

    internal int Nodes => Members + Spares;

    internal int DataMembers => Members - Witnesses;

    /// <summary>Makes the plan of a seed.</summary>
    internal static ElectionPlan Of(ulong seed)
    {
        SimulationRandom random = new SimulationRandom(seed).Fork();        // streams of neighbouring seeds must not be one stream, shifted
        bool isShort = random.Chance(0.3);
        bool quorum = isShort || !random.Chance(0.08);
        int members = isShort ? random.Between(3, 4) : quorum ? random.Between(3, random.Chance(0.3) ? 7 : 5) : random.Between(2, 3);
        int witnesses = !quorum ? 0 : random.Chance(isShort ? 0.8 : 0.4) ? random.Between(1, Math.Min(2, members - 2)) : 0;
        int heartbeat = random.Chance(0.5) ? 20 : 40;
        int deadAfter = heartbeat * random.Between(4, 6);
        long deadNanoseconds = deadAfter * Millisecond;
        int faults = isShort ? random.Between(4, 10) : random.Chance(0.1) ? 0 : random.Between(1, 8);
        long healAt = (20 + 8 * faults) * deadNanoseconds;
        ElectionPlan plan = new(seed)
        {
            IsShort = isShort,
            Members = members,
            Witnesses = witnesses,
            Spares = quorum && !isShort && members < 7 && random.Chance(0.3) ? 1 : 0,
            Services = random.Between(1, 3),
            Quorum = quorum,
            Heartbeat = TimeSpan.FromMilliseconds(heartbeat),
            DeadAfter = TimeSpan.FromMilliseconds(deadAfter),
            // As close to the limit as the validator allows, half of the time.
            Lease = TimeSpan.FromMilliseconds(random.Chance(0.5) ? Math.Floor(deadAfter * 0.975) : deadAfter * 0.75),
            OnLoss = random.Chance(0.3) ? OnLoss.Serve : OnLoss.Wait,
            Preempt = random.Chance(0.2),
            Promise = random.Between(isShort ? 1 : 0, Math.Min(2, members - witnesses - 1)),
            AcceptsShort = isShort || random.Chance(0.4),
            Loss = random.Chance(0.5) ? 0 : random.Fraction() * 0.1,
            Duplication = random.Chance(0.3) ? 0.05 : 0,
            Reordering = random.Chance(0.3) ? 0.1 : 0,
            DiskNanoseconds = random.Chance(0.4) ? 200_000 : random.Chance(0.7) ? random.Between(1, 20) * Millisecond : random.Between(deadNanoseconds / 4, 2 * deadNanoseconds),
            HealAt = healAt,
            End = healAt + 60 * deadNanoseconds,
            Random = random.Fork(),
        };
        List<ElectionFault> list = [];
        for (int i = 0; i < faults; i++) list.Add(plan.Make(random, deadNanoseconds));
        if (plan.Quorum && random.Chance(0.3)) plan.AddBlink(random, deadNanoseconds, list);
        plan.Faults = list;
        return plan;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"seed {Seed}: {Members} members, {Witnesses} of them witnesses, {Spares} spare, {(IsShort ? "short" : "mixed")}, {Services} services, quorum {Quorum}, heartbeat {Heartbeat.TotalMilliseconds} ms, dead-after {DeadAfter.TotalMilliseconds} ms, " +
        $"lease {Lease.TotalMilliseconds} ms, on-loss {OnLoss}, preempt {Preempt}, acks {Promise}, accepts short {AcceptsShort}, loss {Loss:P1}, disk {DiskNanoseconds / 1e6} ms\n" +
        string.Join('\n', Faults.OrderBy(static fault => fault.From).Select(static fault => $"{fault.From / 1e6,12:F3} ms to {fault.Through / 1e6:F3} ms: {fault.Kind} node {fault.Node}, other {fault.Other}"));

    // A voter is restarted between two beats, while another does not hear the primary: it must remember by time what it has forgotten.
    private void AddBlink(SimulationRandom random, long deadAfter, List<ElectionFault> list)
    {
        int deaf = random.Below(DataMembers), voter = (deaf + 1 + random.Below(Members - 1)) % Members;
        long from = random.Between(4 * deadAfter, HealAt - 6 * deadAfter);
        list.Add(new ElectionFault(ElectionFaultKind.PrimaryUnheard, from, from + 4 * deadAfter, deaf, random.Below(Services)));
        for (int i = 0; i < 3; i++)
        {
            long at = from + deadAfter * (12 + 8 * i) / 10 + random.Between(0L, deadAfter / 4);
            list.Add(new ElectionFault(ElectionFaultKind.Crash, at, at + random.Between(100_000L, deadAfter / 20), voter, 0));
        }
    }

    private ElectionFault Make(SimulationRandom random, long deadAfter)
    {
        ElectionFaultKind kind = (ElectionFaultKind)random.Below((int)ElectionFaultKind.RemoveMember + 1);
        if (kind == ElectionFaultKind.CrashAll && random.Chance(0.5)) kind = ElectionFaultKind.CrashPrimary;
        if (IsShort)
        {
            kind = random.Below(6) switch
            {
                0 => ElectionFaultKind.CrashPrimary,
                1 => ElectionFaultKind.FreezePrimary,
                2 => ElectionFaultKind.Partition,
                3 => ElectionFaultKind.HalfDeaf,
                4 => ElectionFaultKind.OneWay,
                _ => ElectionFaultKind.Crash,
            };
        }
        int node = random.Below(Nodes);
        int other = kind switch
        {
            ElectionFaultKind.Partition => random.Between(1, (1 << Nodes) - 2),
            ElectionFaultKind.HalfDeaf => random.Below(2),
            ElectionFaultKind.CrashPrimary or ElectionFaultKind.FreezePrimary or ElectionFaultKind.PrimaryUnheard or ElectionFaultKind.HandOver => random.Below(Services),
            _ => (node + 1 + random.Below(Nodes - 1)) % Nodes,
        };
        long from = random.Between(4 * deadAfter, HealAt - 2 * deadAfter);
        long lasts = IsShort && kind is ElectionFaultKind.Partition or ElectionFaultKind.HalfDeaf ? random.Between(4 * deadAfter, 20 * deadAfter) : random.Below(4) switch
        {
            0 => random.Between(deadAfter / 10, deadAfter),
            1 => random.Between(deadAfter * 7 / 10, deadAfter * 13 / 10),      // where leases and bindings end
            2 => random.Between(deadAfter, 4 * deadAfter),
            _ => random.Between(deadAfter, 20 * deadAfter),
        };
        return new ElectionFault(kind, from, Math.Min(from + lasts, HealAt), node, other);
    }
}
