using Appliance.Multicast;

namespace Appliance.State;

/// <summary>What a mirror knows of one class of one service, for status and metrics.</summary>
internal sealed record MirrorClassStatus
{
    /// <summary>The class.</summary>
    public required RecordClass Class { get; init; }

    /// <summary>Records, tombstones included.</summary>
    public required long Records { get; init; }

    /// <summary>Tombstones among them.</summary>
    public required long Tombstones { get; init; }

    /// <summary>Key and value bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>Records that made room for others.</summary>
    public required long Evictions { get; init; }

    /// <summary>Writes refused.</summary>
    public required long Refusals { get; init; }

    /// <summary>Others that must apply a write before it is answered.</summary>
    public required int Acknowledgements { get; init; }

    /// <summary>Others that could now.</summary>
    public required int Available { get; init; }

    /// <summary>Records of this node that no synchronised data member has applied: lost if this node died now.</summary>
    public required long HeldByNobodyElse { get; init; }

    /// <summary>Records that fewer members have applied than the class promises.</summary>
    public required long HeldByTooFew { get; init; }
}

/// <summary>What a mirror knows of one service.</summary>
internal sealed record MirrorServiceStatus
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>This node's role.</summary>
    public required ServiceRole Role { get; init; }

    /// <summary>The primary.</summary>
    public required string? Primary { get; init; }

    /// <summary>The term.</summary>
    public required ulong Term { get; init; }

    /// <summary>Nothing is missing up to here.</summary>
    public required RecordVersion Position { get; init; }

    /// <summary>The complete state is here.</summary>
    public required bool IsComplete { get; init; }

    /// <summary>Why it is not complete, or does not serve yet, and what is done about it; empty when nothing is wrong.</summary>
    public required string Why { get; init; }

    /// <summary>Live keys.</summary>
    public required long Keys { get; init; }

    /// <summary>Native memory.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Datagrams with writes that were answered by fewer members than promised (<c>when-short = accept</c>).</summary>
    public required long AcceptedShort { get; init; }

    /// <summary>By class.</summary>
    public required IReadOnlyList<MirrorClassStatus> Classes { get; init; }

    /// <summary>Describes a service. Loop thread.</summary>
    internal static MirrorServiceStatus Of(MirroredService service)
    {
        string doing = StateMirror.DoingFor(service);
        return new MirrorServiceStatus
        {
            Name = service.Name,
            Role = service.Role,
            Primary = service.PrimaryName,
            Term = service.Term,
            Position = service.Position,
            IsComplete = service.IsComplete,
            Why = service.Role == ServiceRole.Recovering ? doing : service.IsComplete ? "" : doing.Length == 0 ? service.Why : $"{service.Why}; {doing}",
            Keys = service.Store.KeyCount,
            MemoryBytes = service.Store.Tables.UsedBytes,
            AcceptedShort = service.Publisher.AcceptedShort,
            Classes = [.. Enum.GetValues<RecordClass>().Select(recordClass => Of(service, recordClass))],
        };
    }

    private static MirrorClassStatus Of(MirroredService service, RecordClass recordClass)
    {
        RecordUsage usage = service.Store.Tables.UsageOf(recordClass);
        int promised = service.Publisher.Policies.Of(recordClass).Acknowledgements;
        bool writes = service.Role == ServiceRole.Primary;
        int available = writes ? service.Publisher.CountEligible() : 0;
        long held = usage.Records - usage.Tombstones;
        return new MirrorClassStatus
        {
            Class = recordClass,
            Records = usage.Records,
            Tombstones = usage.Tombstones,
            Bytes = usage.Bytes,
            Evictions = service.Store.Memory.EvictionsOf(recordClass),
            Refusals = service.Store.Memory.RefusalsOf(recordClass),
            Acknowledgements = promised,
            Available = available,
            HeldByNobodyElse = !writes ? 0 : available == 0 ? held : service.Publisher.CountNotAppliedBy(recordClass, 1),
            HeldByTooFew = !writes ? 0 : available < promised ? held : service.Publisher.CountNotAppliedBy(recordClass, promised),
        };
    }
}
