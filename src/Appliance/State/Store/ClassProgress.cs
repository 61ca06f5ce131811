namespace Appliance.State;

/// <summary>
/// How far the writes of one class are acknowledged. No class waits for another: what purchases ask for and cannot get holds back no credential (ARCHITECTURE 3, step 5). Within the class the
/// order of writing counts.
/// </summary>
/// <remarks>
/// Writes that are not acknowledged stay pending until they are, or the node is no longer the primary; a class that is short for long must not keep the ring from going on. Its oldest entries are
/// then held here as one: acknowledged when the newest of them is.
/// </remarks>
internal sealed class ClassProgress
{
    private readonly PublishedRing _ring;
    private readonly int _class;
    private ulong _end; // number after the newest entry with a write of the class that must be acknowledged
    private PublishedRing.Entry _held;

    /// <param name="ring">What was published.</param>
    /// <param name="recordClass">Which class.</param>
    internal ClassProgress(PublishedRing ring, RecordClass recordClass) => (_ring, _class) = (ring, (int)recordClass);

    /// <summary>Every write of the class up to this ticket is acknowledged.</summary>
    internal ulong ResolvedThrough { get; private set; }

    /// <summary>Number of the first entry of the ring that waits; its end when none does.</summary>
    internal ulong Next { get; private set; }

    /// <summary>Entries that are no longer in the ring wait.</summary>
    internal bool HoldsSome { get; private set; }

    private bool WaitsInRing => Next < _end;

    /// <summary>A term begins: nothing of an earlier one waits.</summary>
    internal void StartAt(ulong ticket) => ResolvedThrough = ticket;

    /// <summary>Nothing waits any more; what was not acknowledged never will be.</summary>
    internal void Abandon()
    {
        Next = _end = _ring.End;
        HoldsSome = false;
    }

    /// <summary>The newest entry of the ring is there, or has grown.</summary>
    /// <param name="end">The ring's end.</param>
    /// <param name="ticket">Its newest ticket.</param>
    /// <param name="demands">What the writes ask for that came to the entry now.</param>
    internal void OnCompleted(ulong end, ulong ticket, AcknowledgementDemands demands)
    {
        if (demands.Has(_class))
        {
            if (!WaitsInRing) Next = end - 1;
            _end = end;
        }
        else if (!WaitsInRing)
        {
            Next = end;
            if (!HoldsSome) ResolvedThrough = ticket;
        }
    }

    /// <summary>Looks how far the members have come.</summary>
    /// <param name="committed">The members that count.</param>
    /// <param name="announced">Those that will count, if that is about to change: then both must have it.</param>
    /// <param name="acceptedShort">Counts entries for which fewer than asked for had to suffice.</param>
    /// <returns>True when something is acknowledged that was not.</returns>
    internal bool Advance(AppliedSequences committed, AppliedSequences? announced, ref long acceptedShort)
    {
        if (!HoldsSome && !WaitsInRing) return false;
        ulong before = ResolvedThrough;
        if (HoldsSome)
        {
            if (!IsMet(_held, committed, announced, ref acceptedShort)) return false;
            HoldsSome = false;
            ResolvedThrough = _held.Ticket;
        }
        while (WaitsInRing)
        {
            ref readonly PublishedRing.Entry entry = ref _ring[Next];
            if (entry.Demands.Has(_class) && !IsMet(entry, committed, announced, ref acceptedShort)) break;
            ResolvedThrough = entry.Ticket;
            Next++;
        }
        if (!WaitsInRing) OnCompleted(_ring.End, _ring.NewestTicket, default);
        return ResolvedThrough != before;
    }

    /// <summary>Whether something waits that so many members can acknowledge, or that is accepted with fewer than it asks for.</summary>
    internal bool CanAdvance(int eligible)
    {
        if (!HoldsSome && !WaitsInRing) return false;
        AcknowledgementDemand oldest = (HoldsSome ? _held : _ring[Next]).Demands.Of(_class);
        return oldest.AcceptsWhenShort || oldest.Acknowledgements <= eligible;
    }

    /// <summary>The ring's oldest entry must go.</summary>
    internal void HoldOldest()
    {
        if (Next != _ring.First) return;
        ref readonly PublishedRing.Entry oldest = ref _ring[Next++];
        if (oldest.Demands.Has(_class))
        {
            AcknowledgementDemands demands = HoldsSome ? oldest.Demands.With(_held.Demands) : oldest.Demands;
            _held = oldest with { Demands = demands };
            HoldsSome = true;
        }
        else if (!HoldsSome)
        {
            ResolvedThrough = oldest.Ticket;
        }
    }

    private bool IsMet(in PublishedRing.Entry entry, AppliedSequences committed, AppliedSequences? announced, ref long acceptedShort)
    {
        AcknowledgementDemand demand = entry.Demands.Of(_class);
        if (!committed.Meet(demand, entry.StreamSequence, out bool isShort)) return false;
        if (announced is not null && !announced.Meet(demand, entry.StreamSequence, out _)) return false;
        if (isShort) acceptedShort++;
        return true;
    }
}
