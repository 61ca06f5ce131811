using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Tests.Simulation.Kernel;

namespace Appliance.Tests.Simulation;

/// <summary>What a run is for; some invariants hold only without certain faults.</summary>
internal enum PlanKind : byte
{
    /// <summary>All faults.</summary>
    Mixed,

    /// <summary>The network is imperfect, and that is all: nobody may be given up.</summary>
    Calm,

    /// <summary>Nodes die and return, each alone, and the network is imperfect: what one survivor holds of a dead stream, all must get.</summary>
    Crashes,

    /// <summary>What is sent to the group does not reach a node for a while, and that is all: nobody may be given up.</summary>
    MulticastFails,

    /// <summary>Processes are frozen, each alone: they may suspect nobody when they go on.</summary>
    Pauses,

    /// <summary>Nodes say goodbye in the middle of their work and return: nothing of what they sent may be missing.</summary>
    Leaves,
}

/// <summary>Everything about a run that is decided before it starts, from its seed alone.</summary>
internal sealed record SimulationPlan
{
    private const long Millisecond = 1_000_000;
    private const long Second = 1_000 * Millisecond;

    /// <summary>Least virtual time of a run in nanoseconds (issue 2, Must hold 7).</summary>
    internal const long LeastDuration = 30 * Second;

    /// <summary>Least number of messages published in a run (issue 2, Must hold 7).</summary>
    internal const int LeastPublishes = 1000;

    /// <summary>The key with which a sealed group starts.</summary>
    internal const ushort FirstKey = 1;

    /// <summary>Faults end here; what follows must converge.</summary>
    internal const long HealAt = 24 * Second;

    /// <summary>Publishing goes on for a while after healing, so that a window that stays closed is noticed.</summary>
    internal const long PublishUntil = 27 * Second;

    /// <summary>A run that has not converged by then waits for ever.</summary>
    internal const long GiveUpAt = 45 * Second;

    private SimulationPlan(ulong seed) => Seed = seed;

    /// <summary>The seed.</summary>
    internal ulong Seed { get; }

    /// <summary>What the run is for.</summary>
    internal PlanKind Kind { get; init; }

    /// <summary>Nodes in the group, 2 to 9.</summary>
    internal int Nodes { get; init; }

    /// <summary>Nodes that publish: the first so many.</summary>
    internal int Senders { get; init; }

    /// <summary>Limits and timers of every engine.</summary>
    internal required EngineOptions Options { get; init; }

    /// <summary>Datagrams that a socket buffer holds.</summary>
    internal int SocketCapacity { get; init; }

    /// <summary>Senders hear what they send to the group.</summary>
    internal bool LoopsBack { get; init; }

    /// <summary>Loss on every link while faults last, 0 to 0.3.</summary>
    internal double Loss { get; init; }

    /// <summary>Loss after healing.</summary>
    internal double LossAfterHealing { get; init; }

    /// <summary>Share of datagrams that are overtaken.</summary>
    internal double Reordering { get; init; }

    /// <summary>Share of datagrams that arrive twice.</summary>
    internal double Duplication { get; init; }

    /// <summary>Share of datagrams that are damaged.</summary>
    internal double Corruption { get; init; }

    /// <summary>Largest message of the workload.</summary>
    internal int MostBytes { get; init; }

    /// <summary>Messages that one offer publishes at most.</summary>
    internal int BurstMessages { get; init; }

    /// <summary>How often a sender offers far more than any window takes.</summary>
    internal int Floods { get; init; }

    /// <summary>Mean time between two offers in the group, in nanoseconds.</summary>
    internal long OfferInterval { get; init; }

    /// <summary>Faults from start to <see cref="HealAt"/>.</summary>
    internal int Faults { get; init; }

    /// <summary>Nodes that a fault of the plan may leave dead for ever.</summary>
    internal int MayStayDead { get; init; }

    /// <summary>For everything that happens during the run.</summary>
    internal required SimulationRandom Random { get; init; }

    /// <summary>Makes the plan of a seed.</summary>
    internal static SimulationPlan Of(ulong seed) => Of(seed, new SimulationRandom(seed).Fork());        // streams of neighbouring seeds must not be one stream, shifted

    /// <summary>Makes the plan of a seed whose random numbers are given.</summary>
    internal static SimulationPlan Of(ulong seed, SimulationRandom random)
    {
        int nodes = random.Chance(0.2) ? 9 : random.Between(2, 8);
        int datagramBytes = Pick(random, 1200, 1472);
        int receiveWindow = Pick(random, 16, 64, 256);
        int window = receiveWindow * Pick(random, 1, 2, 4);
        double loss = random.Below(10) switch
        {
            < 2 => 0,
            < 5 => random.Fraction() * 0.01,
            < 8 => 0.01 + random.Fraction() * 0.09,
            _ => 0.1 + random.Fraction() * 0.2,
        };
        int heartbeat = nodes > 5 ? Pick(random, 50, 100, 200) : Pick(random, 20, 50, 100);
        bool isSealed = random.Chance(0.25);
        int mostMessage = Math.Min(32 * 1024, window / 2 * datagramBytes / 2);
        int deadAfter = heartbeat * Pick(random, 5, 10);
        int probe = nodes <= 5 && deadAfter >= 150 && random.Chance(0.3) ? 50 : deadAfter / 3;
        PlanKind kind = random.Below(100) switch
        {
            < 8 => PlanKind.Calm,
            < 20 => PlanKind.Crashes,
            < 30 => PlanKind.MulticastFails,
            < 40 => PlanKind.Pauses,
            < 48 => PlanKind.Leaves,
            _ => PlanKind.Mixed,
        };
        double mostLoss = kind switch { PlanKind.Mixed => 0.3, PlanKind.MulticastFails => 0.03, PlanKind.Pauses => 0.01, _ => 0.1 };
        double leastLoss = kind is PlanKind.Crashes or PlanKind.Leaves ? 0.03 : 0;
        int burst = Pick(random, 4, 8, 30, 100);
        int publishes = random.Between(LeastPublishes, 2 * LeastPublishes);
        return new SimulationPlan(seed)
        {
            Kind = kind,
            Nodes = nodes,
            Senders = random.Chance(0.4) ? 1 : random.Between(1, nodes),
            Loss = Math.Clamp(loss, leastLoss, mostLoss),
            LossAfterHealing = random.Chance(0.5) ? 0 : Math.Min(loss, Math.Min(mostLoss, 0.1)),
            Reordering = random.Chance(0.5) ? random.Fraction() * 0.2 : 0,
            Duplication = kind == PlanKind.Leaves ? 0.2 : random.Chance(0.5) ? random.Fraction() * 0.1 : 0,
            Corruption = random.Chance(0.3) ? random.Fraction() * 0.02 : 0,
            SocketCapacity = Pick(random, 64, 256, 1024),
            LoopsBack = random.Chance(0.5),
            MostBytes = mostMessage,
            BurstMessages = burst,
            OfferInterval = (PublishUntil - Second) * (burst + 3) / 4 / publishes,
            Floods = random.Chance(0.25) ? random.Between(1, 3) : 0,
            Faults = kind switch { PlanKind.Calm => 0, PlanKind.Mixed => random.Between(1, 12), _ => random.Between(1, 4) },
            MayStayDead = nodes > 2 && random.Chance(0.2) ? 1 : 0,
            Random = random.Fork(),
            Options = new EngineOptions
            {
                GroupName = "simulation",
                Security = isSealed ? GroupSecurity.Sealed : GroupSecurity.None,
                Keys = isSealed ? [new GroupKey(FirstKey, KeyBytes(FirstKey))] : [],
                Transport = kind != PlanKind.MulticastFails && random.Chance(0.15) ? GroupTransport.Unicast : GroupTransport.Multicast,
                DatagramBytes = datagramBytes,
                MaxMessageBytes = mostMessage * 2,
                WindowDatagrams = window,
                ReceiveWindowDatagrams = receiveWindow,
                RetainedDatagrams = Math.Max(window, 2 * receiveWindow),
                RunDatagrams = Pick(random, 1, 8, 44),
                Heartbeat = TimeSpan.FromMilliseconds(heartbeat),
                DeadAfter = TimeSpan.FromMilliseconds(deadAfter),
                ProbeInterval = TimeSpan.FromMilliseconds(probe),
                LagTimeout = TimeSpan.FromMilliseconds(Math.Max(150, Math.Max(heartbeat, 3 * probe))),
                ReportInterval = TimeSpan.FromMilliseconds(Pick(random, 10, 30)),
                DirectReportMembers = kind == PlanKind.MulticastFails || random.Chance(0.5) ? 2 : 8,
                RepairBytesPerSecond = Pick(random, 1 << 20, 64 << 20),
                RepairOutstandingDatagrams = Pick(random, 16, 256),
                PacingBytesPerSecond = random.Chance(0.2) ? 4 << 20 : 0,
            },
        };
    }

    /// <summary>The group key of an id.</summary>
    internal static byte[] KeyBytes(ushort id)
    {
        byte[] key = new byte[EngineOptions.KeyBytes];
        new SimulationRandom(id).Fill(key);
        return key;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"seed {Seed}: {Kind}, {Nodes} nodes, {Senders} senders, {Options.Security}, {Options.Transport}, loss {Loss:P1} (after healing {LossAfterHealing:P1}), reordering {Reordering:P1}, " +
        $"duplication {Duplication:P1}, corruption {Corruption:P1}, datagram {Options.DatagramBytes} B, window {Options.WindowDatagrams}/{Options.ReceiveWindowDatagrams}/{Options.RetainedDatagrams}, " +
        $"heartbeat {Options.Heartbeat.TotalMilliseconds} ms, direct reports to {Options.DirectReportMembers}, sockets {SocketCapacity}, {Faults} faults";

    private static int Pick(SimulationRandom random, params ReadOnlySpan<int> choices) => choices[random.Below(choices.Length)];
}
