using System.Globalization;
using Appliance.Configuration;
using Appliance.Multicast.Protocol;
using Appliance.State;
using Appliance.Tests.Simulation.Faults;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Mirroring.Oracle;
using Appliance.Tests.Simulation.Nodes;
using Transport = Appliance.Multicast.Protocol.GroupTransport;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>Everything about a run of mirrors that is decided before it starts, from its seed alone.</summary>
internal sealed class MirrorPlan
{
    /// <summary>Least number of writes published in a run (issue 2, Must hold 7).</summary>
    internal const int LeastPublishes = SimulationPlan.LeastPublishes;

    /// <summary>The only service.</summary>
    internal const string Service = "demo";

    /// <summary>Longest value of the workload.</summary>
    internal const int MostValueBytes = 2000;

    private const double MostLoss = 0.3;

    private MirrorPlan(SimulationPlan group) => Group = group;

    /// <summary>Network, engine, clocks.</summary>
    internal SimulationPlan Group { get; }

    /// <summary>Index of the primary.</summary>
    internal int Primary { get; private init; }

    /// <summary>What is promised about each class.</summary>
    internal required IReadOnlyList<ClassOptions> Classes { get; init; }

    /// <summary>Sizes of every store.</summary>
    internal StoreLimits Limits { get; } = new() { MemoryBytes = 16 << 20, MaxKeyBytes = 32, MaxValueBytes = MostValueBytes, MaxWriteBytes = 2 * MostValueBytes };

    /// <summary>How long deletions are remembered for who is away.</summary>
    internal TimeSpan TombstoneRetention { get; private init; }

    /// <summary>How long a recovering primary waits for survivors.</summary>
    internal TimeSpan RecoveryLimit { get; private init; }

    /// <summary>Snapshots are several messages long.</summary>
    internal bool HasBallast { get; private init; }

    /// <summary>Mean time between two offers, in nanoseconds.</summary>
    internal long OfferInterval { get; private init; }

    /// <summary>Operations that one offer makes at most.</summary>
    internal int Burst { get; private init; }

    /// <summary>What goes wrong when.</summary>
    internal required List<Fault> Faults { get; init; }

    /// <summary>For everything that happens during the run.</summary>
    internal required SimulationRandom Random { get; init; }

    /// <summary>Makes the plan of a seed.</summary>
    internal static MirrorPlan Of(ulong seed)
    {
        SimulationRandom random = new(seed * 0xD134_2543_DE82_EF95 + 1);
        double loss = random.Below(10) switch
        {
            < 3 => 0,
            < 8 => random.Fraction() * 0.05,
            _ => 0.05 + random.Fraction() * (MostLoss - 0.05),
        };
        SimulationPlan basis = SimulationPlan.Of(seed, new SimulationRandom(seed * 0x9E37_79B9_7F4A_7C15 + 1));
        int nodes = random.Chance(0.15) ? random.Between(6, 9) : random.Between(2, 5);
        int heartbeat = Pick(random, 50, 100);
        int deadAfter = heartbeat * Pick(random, 5, 8);
        SimulationPlan group = basis with
        {
            Kind = PlanKind.Mixed,
            Nodes = nodes,
            Senders = 1,
            Loss = loss,
            LossAfterHealing = Math.Min(loss, 0.05),
            Options = basis.Options with
            {
                Transport = random.Chance(0.15) ? Transport.Unicast : Transport.Multicast,
                MaxMessageBytes = 8 * 1024,
                Heartbeat = TimeSpan.FromMilliseconds(heartbeat),
                DeadAfter = TimeSpan.FromMilliseconds(deadAfter),
                ProbeInterval = TimeSpan.FromMilliseconds(deadAfter / 3),
                LagTimeout = TimeSpan.FromMilliseconds(deadAfter),
            },
        };
        int primary = random.Below(nodes);
        int burst = Pick(random, 2, 6, 30);
        return new MirrorPlan(group)
        {
            Primary = primary,
            Classes =
            [
                Class(RecordClass.Credential, Pick(random, 0, 1, 2), random.Chance(0.5) ? WhenShort.Accept : WhenShort.Refuse, random, nodes),
                Class(RecordClass.Segment, 0, WhenShort.Accept, random, nodes),
                Class(RecordClass.Purchase, random.Chance(0.5) ? nodes / 2 : Pick(random, 1, 2), WhenShort.Refuse, random, nodes),
                Class(RecordClass.Application, Pick(random, 0, 0, 1), WhenShort.Refuse, random, nodes),
            ],
            TombstoneRetention = TimeSpan.FromMilliseconds(random.Between(500, 4000)),
            RecoveryLimit = TimeSpan.FromMilliseconds(random.Between(3000, 6000)),
            HasBallast = random.Chance(0.4),
            Burst = burst,
            OfferInterval = (SimulationPlan.PublishUntil - 1_000_000_000) * (burst + 1) / 2 / random.Between(LeastPublishes * 8 / 10, LeastPublishes * 13 / 10),
            Faults = MirrorFaults.Make(group, primary, random.Fork()),
            Random = random.Fork(),
        };
    }

    /// <summary>What the mirror of a node is made of.</summary>
    internal StateMirrorOptions OptionsOf(SimulatedNode node, BuzHash hash) => new()
    {
        Node = node.Name,
        DataMembers = [.. Enumerable.Range(0, Group.Nodes).Select(SimulatedNode.NameOf)],
        Services = [new MirroredServiceOptions(Service, SimulatedNode.NameOf(Primary))],
        Classes = Classes,
        Hash = hash,
        Limits = Limits,
        TombstoneRetention = TombstoneRetention,
        SurveyTimeout = TimeSpan.FromMilliseconds(600),
        FetchTimeout = TimeSpan.FromMilliseconds(1200),
        RecoveryGrace = TimeSpan.FromMilliseconds(1500),
        RecoveryLimit = RecoveryLimit,
    };

    /// <inheritdoc/>
    public override string ToString()
    {
        IEnumerable<string> classes = Classes.Select(options => $"{options.Class} {options.Acks.Count} {options.WhenShort}");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"mirrors, primary node {Primary}, {string.Join(", ", classes)}, tombstones {TombstoneRetention.TotalMilliseconds} ms, recovery {RecoveryLimit.TotalMilliseconds} ms, ballast {HasBallast}, burst {Burst}\n{Group}");
    }

    private static ClassOptions Class(RecordClass recordClass, int acknowledgements, WhenShort whenShort, SimulationRandom random, int nodes) => new()
    {
        Class = recordClass,
        Keys = recordClass == RecordClass.Application ? [] : [KeySpace.PatternOf(recordClass)],
        Acks = new AcknowledgementRule(Math.Min(acknowledgements, nodes - 1)),
        WhenShort = whenShort,
        AckTimeout = TimeSpan.FromMilliseconds(random.Between(300, 1000)),
        Evict = Eviction.Refuse,
    };

    private static int Pick(SimulationRandom random, params ReadOnlySpan<int> choices) => choices[random.Below(choices.Length)];
}
