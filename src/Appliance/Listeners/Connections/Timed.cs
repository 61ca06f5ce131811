using Appliance.Multicast;

namespace Appliance.Listeners.Connections;

/// <summary>Something that a <see cref="DeadlineWheel"/> wakes.</summary>
internal abstract class Timed
{
    /// <summary>Neighbours in the slot; null when alone.</summary>
    internal Timed? Previous, Next;

    /// <summary>The slot; -1 when in none.</summary>
    internal int Slot = -1;

    /// <summary>When it is due. It may grow at any time without telling the wheel, which looks again when the former time has come.</summary>
    internal abstract Timestamp Deadline { get; }

    /// <summary>The deadline has passed. It is in the wheel no longer.</summary>
    internal abstract void OnDeadline(Timestamp now);
}
