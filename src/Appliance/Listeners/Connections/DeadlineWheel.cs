using Appliance.Multicast;

namespace Appliance.Listeners.Connections;

/// <summary>
/// Deadlines of many connections, most of which are put off again and again and never come. Putting one off costs nothing: the wheel looks at a connection
/// only when the time has come that it had when it was added, and then moves it on. A turn covers 40 s; later deadlines go round once more.
/// </summary>
internal sealed class DeadlineWheel
{
    /// <summary>A deadline is kept at most so much too late.</summary>
    public static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    private const int Slots = 4096, Aside = Slots;
    private const long TickNanoseconds = 10_000_000;
    private readonly Timed?[] _slots = new Timed?[Slots + 1];
    private long _done; // ticks that have been looked at
    private long _next = long.MaxValue; // no occupied slot is due before this tick

    /// <param name="now">Time.</param>
    public DeadlineWheel(Timestamp now) => _done = now.Nanoseconds / TickNanoseconds;

    /// <summary>What is in the wheel.</summary>
    public int Count { get; private set; }

    /// <summary>When <see cref="Advance"/> has something to do.</summary>
    public Timestamp NextDeadline => _next == long.MaxValue ? Timestamp.Never : new Timestamp(_next * TickNanoseconds);

    /// <summary>Adds, or moves to an earlier time. A deadline of <see cref="Timestamp.Never"/> is not kept.</summary>
    public void Add(Timed timed)
    {
        Remove(timed);
        if (timed.Deadline == Timestamp.Never) return;
        long tick = Math.Clamp(timed.Deadline.Nanoseconds / TickNanoseconds + 1, _done + 1, _done + Slots - 1);
        int slot = (int)(tick % Slots);
        timed.Slot = slot;
        timed.Next = _slots[slot];
        if (timed.Next is not null) timed.Next.Previous = timed;
        _slots[slot] = timed;
        _next = Math.Min(_next, tick);
        Count++;
    }

    /// <summary>Removes; nothing to do is done.</summary>
    public void Remove(Timed timed)
    {
        if (timed.Slot < 0) return;
        if (timed.Previous is null) _slots[timed.Slot] = timed.Next;
        else timed.Previous.Next = timed.Next;
        if (timed.Next is not null) timed.Next.Previous = timed.Previous;
        timed.Previous = timed.Next = null;
        timed.Slot = -1;
        Count--;
    }

    /// <summary>Wakes what is due.</summary>
    public void Advance(Timestamp now)
    {
        long until = now.Nanoseconds / TickNanoseconds;
        if (until < _next) return;
        // After a long sleep every slot is looked at once, not once per turn that was missed.
        long from = Math.Max(_done + 1, until - Slots + 1);
        _next = long.MaxValue;
        _done = until;
        for (long tick = from; tick <= until && Count > 0; tick++) Wake((int)(tick % Slots), now);
        FindNext();
    }

    private void Wake(int slot, Timestamp now)
    {
        // Moved aside first: what is woken may add and remove others.
        _slots[Aside] = _slots[slot];
        _slots[slot] = null;
        for (Timed? timed = _slots[Aside]; timed is not null; timed = timed.Next) timed.Slot = Aside;
        while (_slots[Aside] is { } timed)
        {
            Remove(timed);
            if (timed.Deadline <= now) timed.OnDeadline(now);
            else Add(timed);
        }
    }

    private void FindNext()
    {
        if (Count == 0) return;
        for (long tick = _done + 1; tick < _done + Slots; tick++)
        {
            if (_slots[tick % Slots] is null) continue;
            _next = Math.Min(_next, tick);
            return;
        }
    }
}
