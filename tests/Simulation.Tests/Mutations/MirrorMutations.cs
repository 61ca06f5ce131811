namespace Appliance.Tests.Simulation.Mutations;

/// <summary>The mutations of src/Appliance/State: each breaks one rule of docs/state.md.</summary>
internal static class MirrorMutations
{
    private const string Mirror = "src/Appliance/State/Mirror/", Store = "src/Appliance/State/Store/";

    /// <summary>All of them.</summary>
    internal static readonly IReadOnlyList<Mutation> All =
    [
        new("What lies beyond a cut is kept", Mirror + "TableWalk.cs",
            "public bool Wants(in RecordHeader header) => !chain.Covers(new RecordVersion(header.Version));",
            "public bool Wants(in RecordHeader header) => false;"),
        new("What a cut removed is not fetched again", Mirror + "SecondaryResync.cs",
            "        _keys.AddRange(_discard.Keys);\n",
            ""),
        new("What was deleted beyond a cut stays deleted", Mirror + "SecondaryResync.cs",
            " || !_service.Chain.Covers(_service.Store.Memory.Floor)",
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
        new("A hole is not noticed", Mirror + "MirroredService.cs",
            "if (version.Value == position.Value + 1) _batchPosition = version;",
            "if (version.Value > position.Value) _batchPosition = version;"),
        new("A member counts as acknowledging before it has applied", Store + "ServicePublisher.cs",
            "            _applied[at] = member.AppliedThrough;",
            "            _applied[at] = ulong.MaxValue;"),
        new("Members that are not synchronised count", Store + "ServicePublisher.cs",
            "is { Role: MemberRole.Data, State: MemberState.Live, Synchronised: true };",
            "is { Role: MemberRole.Data, State: MemberState.Live };"),
        new("One acknowledgement less suffices", Store + "ServicePublisher.cs",
            "_applied[needed - 1] < entry.StreamSequence",
            "(needed > 1 && _applied[needed - 2] < entry.StreamSequence)"),
        new("A recovering primary hears one survivor too few", Mirror + "PrimaryRecovery.cs",
            "Others - promise + 1)",
            "Others - promise)"),
        new("A broken recovery leaves what it had fetched", Mirror + "PrimaryRecovery.cs",
            "            if (HoldsSomething) _clear = new DiscardWalk(_service.Store.Tables, TermChain.Empty); // a fetch broke off, and whoever served it has forgotten everything since\n            else Serve",
            "            Serve"),
        new("A term is used twice", Mirror + "PrimaryRecovery.cs",
            "terms.WriteTerm(service.Name, _term);\n    }",
            "}"),
        new("A batch is published in parts", Store + "ServicePublisher.cs",
            "            SendHeld(PublishOptions.BatchContinues, completes: false);",
            "            SendHeld(PublishOptions.None, completes: false);"),
        new("A resynchronisation that failed is not repeated", Mirror + "SecondaryResync.cs",
            "            case Step.Wait when now.Nanoseconds >= _due.Nanoseconds:\n                BeginSurvey(now);\n                break;\n",
            ""),
    ];
}
