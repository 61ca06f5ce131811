using Appliance.Admin;

namespace Appliance.Tests.Admin;

/// <summary>Statuses of imagined nodes.</summary>
internal static class Statuses
{
    /// <summary>A primary with a live and an absent member, a class that is not met, and writes that nobody else has.</summary>
    internal static NodeStatus Sample { get; } = new()
    {
        Id = "a",
        Incarnation = 7,
        Role = "data",
        Drained = false,
        Version = "1.0",
        UptimeSeconds = 61,
        Synchronised = true,
        Memory = new MemoryStatus(1 << 20, 1 << 30),
        Group = new GroupStatus("lab", "multicast", "sealed", "00"),
        Services =
        [
            new ServiceStatus
            {
                Name = "shop",
                Role = "primary",
                Primary = "a",
                LeaseLeftMilliseconds = null,
                Serving = true,
                Election = "a is primary in term 4",
                Fenced = 0,
                RefusalsWithheld = 0,
                Term = 3,
                Complete = true,
                Why = null,
                Keys = 5,
                Records = 5,
                Tombstones = 0,
                Bytes = 500,
                AcceptedShort = 0,
                Classes = [Row("purchase", 2, 1, meets: false), Row("application", 0, 1, meets: true)],
            },
        ],
        Members =
        [
            MemberStatus.Absent("c") with { Id = "b", Incarnation = 9, Role = "data", State = MemberStatus.LiveState, Synchronised = true, WaitedFor = true, Path = "multicast", LagMessages = 12, LagBytes = 3456, LagMilliseconds = 7, SilentMilliseconds = 4, RoundTripMicroseconds = 200 },
            MemberStatus.Absent("c"),
        ],
        Failovers = [new TakeoverStatus("shop", 3, "ordinary", 1_000_000, 1_012_000, 1_013_000, 1_014_000, 1_015_000)],
        WouldBeLost = [new LossStatus("shop", "purchase", 12)],
        Warnings = ["service shop: class purchase asks for 2"],
    };

    private static ClassStatus Row(string name, int acks, int available, bool meets) => new()
    {
        Class = name,
        Records = 5,
        Bytes = 500,
        Acks = acks,
        AcksAvailable = available,
        MeetsAcks = meets,
        WhenShort = "refuse",
        Unconfirmed = 0,
        Evictions = 0,
        Refusals = 0,
    };
}
