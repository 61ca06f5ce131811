namespace Appliance.Tests.Simulation.Mutations;

/// <summary>The mutations of src/Appliance/State: each breaks one rule of docs/state.md.</summary>
internal static class MirrorMutations
{
    private const string Mirror = "src/Appliance/State/Mirror/", Store = "src/Appliance/State/Store/";

    /// <summary>All of them.</summary>
    internal static readonly IReadOnlyList<Mutation> All =
    [
        new("What lies beyond a cut is kept", Mirror + "TableWalk.cs",
            "public bool Wants(in RecordHeader header) => !chain.Covers(new RecordVersion(header.Version)) || !kept.Covers(new RecordVersion(header.Version));",
            "public bool Wants(in RecordHeader header) => false;"),
        new("What a cut removed is not fetched again", Mirror + "MirroredService.cs",
            "        Debt.Add(walk);\n",
            ""),
        new("A tombstone is forgotten at once", Store + "MemoryGuard.cs",
            "if (header.Tombstone) return header.Version <= floor.Value;",
            "if (header.Tombstone) return true;"),
        new("A whole snapshot removes nothing", Mirror + "TableWalk.cs",
            "header.Version <= cut && (header.Local & LocalFlags.InSnapshot) == 0",
            "false && header.Version <= cut && (header.Local & LocalFlags.InSnapshot) == 0"),
        new("Expiry by the local clock", Mirror + "MirroredService.cs",
            "_mirror.WallMilliseconds + (_primaryMember?.ClockOffsetMilliseconds ?? 0)",
            "_mirror.WallMilliseconds"),
        new("A hole is not noticed", Mirror + "MirroredService.Applying.cs",
            "if (version.Value == position.Value + 1) _batchPosition = version;",
            "if (version.Value > position.Value) _batchPosition = version;"),
        new("A member counts as acknowledging before it has applied", Store + "AppliedSequences.cs",
            "            _applied[at] = member.AppliedThrough;",
            "            _applied[at] = ulong.MaxValue;"),
        new("Members that are not synchronised count", Store + "AppliedSequences.cs",
            "is { Role: MemberRole.Data, State: MemberState.Live, Synchronised: true } &&",
            "is { Role: MemberRole.Data, State: MemberState.Live } &&"),
        new("One acknowledgement less suffices", Store + "AppliedSequences.cs",
            "By(needed) >= streamSequence",
            "(needed == 1 || By(needed - 1) >= streamSequence)"),
        new("One class waits for another", Store + "ServicePublisher.cs",
            "dependency.Includes((RecordClass)i) && dependency.Ticket > _classes[i].ResolvedThrough",
            "dependency.Ticket > _classes[i].ResolvedThrough"),
        new("A batch is published in parts", Store + "ServicePublisher.cs",
            "            SendHeld(PublishOptions.BatchContinues, completes: false);",
            "            SendHeld(PublishOptions.None, completes: false);"),
        new("A key deleted beyond a cut stays deleted where its tombstone was forgotten", Mirror + "MirroredService.cs",
            "!chain.Covers(Store.Memory.Floor) || (NeedsDiscard && !Kept.Covers(Store.Memory.Floor))",
            "false", From: 80),
    ];
}
