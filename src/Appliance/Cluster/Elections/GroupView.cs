using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>What a slot of a view stands for.</summary>
internal enum SlotRole : byte
{
    /// <summary>Nobody.</summary>
    Vacant,

    /// <summary>A voter that holds state.</summary>
    Data,

    /// <summary>A voter that holds none.</summary>
    Witness,
}

/// <summary>One slot of a view.</summary>
internal readonly record struct ViewSlot(NodeId Node, SlotRole Role);

/// <summary>A numbered view of the group: who votes, and the epoch of its key. Immutable. Record of the group's own service (docs/decisions/0006).</summary>
internal sealed class GroupView
{
    private readonly ViewSlot[] _slots;

    /// <param name="term">Term of the group's own service in which it was proposed; 0: from the configuration.</param>
    /// <param name="number">Grows with every proposal.</param>
    /// <param name="keyEpoch">Id of the group key that all accept; 0: as the files say.</param>
    /// <param name="slots">At most <see cref="ElectionOptions.MaxMembers"/>.</param>
    internal GroupView(uint term, uint number, ushort keyEpoch, ReadOnlySpan<ViewSlot> slots)
    {
        Term = term;
        Number = number;
        KeyEpoch = keyEpoch;
        _slots = slots.ToArray();
        uint hash = 2_166_136_261;                         // FNV-1a
        hash = Mix(hash, keyEpoch);
        for (int i = 0; i < _slots.Length; i++)
        {
            hash = Mix(Mix(Mix(hash, (uint)_slots[i].Node.Value), (uint)(_slots[i].Node.Value >> 32)), (uint)_slots[i].Role + 1);
            if (_slots[i].Role == SlotRole.Vacant) continue;
            Voters |= (ushort)(1 << i);
            if (_slots[i].Role == SlotRole.Data) Data |= (ushort)(1 << i);
        }
        ContentHash = hash;
    }

    /// <summary>Term of its proposer.</summary>
    internal uint Term { get; }

    /// <summary>Its number.</summary>
    internal uint Number { get; }

    /// <summary>Id of the newest group key that all accept.</summary>
    internal ushort KeyEpoch { get; }

    /// <summary>Everything but term and number in one number: views that say the same have the same.</summary>
    internal uint ContentHash { get; }

    /// <summary>Bits of the slots that vote.</summary>
    internal ushort Voters { get; }

    /// <summary>Bits of the slots that hold state.</summary>
    internal ushort Data { get; }

    /// <summary>The slots.</summary>
    internal ReadOnlySpan<ViewSlot> Slots => _slots;

    /// <summary>More than half of the voters.</summary>
    internal int Majority => int.PopCount(Voters) / 2 + 1;

    /// <summary>The slot of a node; -1 for no member.</summary>
    internal int SlotOf(NodeId node)
    {
        for (int i = 0; i < _slots.Length; i++)
            if (_slots[i].Node == node && _slots[i].Role != SlotRole.Vacant) return i;
        return -1;
    }

    /// <summary>The node of a slot; none for a vacant one.</summary>
    internal NodeId NodeOf(int slot) => (uint)slot < (uint)_slots.Length ? _slots[slot].Node : NodeId.None;

    /// <summary>Proposed later than a version.</summary>
    internal bool IsNewerThan(uint term, uint number) => Term != term ? Term > term : Number > number;

    /// <summary>Proposed earlier than a version.</summary>
    internal bool IsOlderThan(uint term, uint number) => Term != term ? Term < term : Number < number;

    /// <summary>The same content under another version.</summary>
    internal GroupView WithVersion(uint term, uint number) => new(term, number, KeyEpoch, _slots);

    /// <summary>The same with another key epoch.</summary>
    internal GroupView WithKeyEpoch(ushort keyEpoch) => new(Term, Number, keyEpoch, _slots);

    /// <summary>The same with one more member; null when there is no slot left.</summary>
    internal GroupView? With(NodeId node, SlotRole role)
    {
        int vacant = Array.FindIndex(_slots, static slot => slot.Role == SlotRole.Vacant);
        if (vacant < 0 && _slots.Length == ElectionOptions.MaxMembers) return null;
        ViewSlot[] slots = vacant < 0 ? [.. _slots, default] : [.. _slots];
        slots[vacant < 0 ? _slots.Length : vacant] = new ViewSlot(node, role);
        return new GroupView(Term, Number, KeyEpoch, slots);
    }

    /// <summary>The same without a member.</summary>
    internal GroupView Without(NodeId node)
    {
        ViewSlot[] slots = [.. _slots];
        slots[SlotOf(node)] = default;
        return new GroupView(Term, Number, KeyEpoch, slots);
    }

    private static uint Mix(uint hash, uint value)
    {
        for (int i = 0; i < 4; i++)
        {
            hash = (hash ^ (value & 0xFF)) * 16_777_619;
            value >>= 8;
        }
        return hash;
    }
}
