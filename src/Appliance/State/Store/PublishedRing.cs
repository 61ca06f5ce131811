using Appliance.Multicast;

namespace Appliance.State;

/// <summary>Which write of a service completes with which sequence of this node's stream: one entry per datagram, so that acknowledgements, lag and 'what would be lost' are lookups.</summary>
internal sealed class PublishedRing
{
    private readonly Entry[] _entries;
    private ulong _first, _end; // absolute; index is the remainder
    private Totals _totals;
    private Totals _forgotten;
    private ulong _forgottenTicket, _forgottenSequence;

    /// <param name="capacity">Entries; a power of two.</param>
    internal PublishedRing(int capacity)
    {
        if (!int.IsPow2(capacity)) throw new ArgumentOutOfRangeException(nameof(capacity), "must be a power of two");
        _entries = new Entry[capacity];
    }

    /// <summary>Records and bytes since the start.</summary>
    internal struct Totals
    {
        internal long Bytes;
        internal long Application, Credential, Segment, Purchase;

        internal readonly long Records => Application + Credential + Segment + Purchase;

        internal readonly long Of(RecordClass recordClass) => recordClass switch
        {
            RecordClass.Credential => Credential,
            RecordClass.Segment => Segment,
            RecordClass.Purchase => Purchase,
            _ => Application,
        };

        internal void Add(RecordClass recordClass, int bytes)
        {
            Bytes += bytes;
            switch (recordClass)
            {
                case RecordClass.Credential: Credential++; break;
                case RecordClass.Segment: Segment++; break;
                case RecordClass.Purchase: Purchase++; break;
                default: Application++; break;
            }
        }
    }

    /// <summary>What one datagram completed.</summary>
    internal struct Entry
    {
        /// <summary>Who has applied this sequence has applied everything below.</summary>
        internal ulong StreamSequence;

        /// <summary>The newest ticket that it completes.</summary>
        internal ulong Ticket;

        /// <summary>When its first write was published.</summary>
        internal Timestamp At;

        /// <summary>Totals with it.</summary>
        internal Totals Through;

        /// <summary>What the classes of its writes ask for.</summary>
        internal AcknowledgementDemands Demands;
    }

    /// <summary>Entries held.</summary>
    internal int Count => (int)(_end - _first);

    /// <summary>No room for another datagram.</summary>
    internal bool IsFull => Count == _entries.Length;

    /// <summary>Everything published so far.</summary>
    internal ref readonly Totals Published => ref _totals;

    /// <summary>Absolute number of the oldest entry held.</summary>
    internal ulong First => _first;

    /// <summary>Absolute number after the newest entry.</summary>
    internal ulong End => _end;

    /// <summary>The newest ticket that was completed; 0 before the first.</summary>
    internal ulong NewestTicket => _end == _first ? _forgottenTicket : this[_end - 1].Ticket;

    /// <summary>An entry by its absolute number.</summary>
    internal ref readonly Entry this[ulong number] => ref _entries[number & (ulong)(_entries.Length - 1)];

    /// <summary>Counts a record that the next <see cref="Complete"/> covers.</summary>
    internal void Add(RecordClass recordClass, int bytes) => _totals.Add(recordClass, bytes);

    /// <summary>Everything counted so far completes with a sequence of the stream. When the ring is full, its oldest entry is forgotten.</summary>
    /// <param name="entry">What is known of it but the totals.</param>
    internal void Complete(in Entry entry)
    {
        if (_end != _first)
        {
            ref Entry last = ref _entries[(_end - 1) & (ulong)(_entries.Length - 1)];
            if (last.StreamSequence == entry.StreamSequence)
            {
                last.Ticket = entry.Ticket;
                last.Through = _totals;
                last.Demands = last.Demands.With(entry.Demands);
                return;
            }
        }
        if (IsFull) Forget();
        _entries[_end & (ulong)(_entries.Length - 1)] = entry with { Through = _totals };
        _end++;
    }

    /// <summary>Forgets what everyone has applied.</summary>
    internal void ForgetThrough(ulong streamSequence, ulong droppable)
    {
        while (_first < _end && _first < droppable && this[_first].StreamSequence <= streamSequence) Forget();
    }

    /// <summary>The totals that a member has which applied the stream through a sequence.</summary>
    internal Totals AppliedBy(ulong streamSequence)
    {
        ulong number = FirstAfter(streamSequence);
        return number == _first ? _forgotten : this[number - 1].Through;
    }

    /// <summary>The newest ticket that a member has applied which applied the stream through a sequence; 0 when that is older than what is held.</summary>
    internal ulong TicketAppliedBy(ulong streamSequence)
    {
        ulong number = FirstAfter(streamSequence);
        if (number != _first) return this[number - 1].Ticket;
        return streamSequence >= _forgottenSequence ? _forgottenTicket : 0;
    }

    /// <summary>When the oldest write was published that a member lacks; <see cref="Timestamp.Never"/> when it lacks none.</summary>
    internal Timestamp OldestAfter(ulong streamSequence)
    {
        ulong number = FirstAfter(streamSequence);
        return number == _end ? Timestamp.Never : this[number].At;
    }

    /// <summary>The sequence of the stream that completes a ticket; that of the newest forgotten entry when it is older than what is held.</summary>
    internal ulong SequenceOf(ulong ticket)
    {
        ulong low = _first, high = _end;
        while (low < high)
        {
            ulong middle = low + (high - low) / 2;
            if (this[middle].Ticket < ticket) low = middle + 1;
            else high = middle;
        }
        if (low == _end) return _end == _first ? _forgottenSequence : this[_end - 1].StreamSequence;
        return low == _first && ticket <= _forgottenTicket ? _forgottenSequence : this[low].StreamSequence;
    }

    private ulong FirstAfter(ulong streamSequence)
    {
        ulong low = _first, high = _end;
        while (low < high)
        {
            ulong middle = low + (high - low) / 2;
            if (this[middle].StreamSequence <= streamSequence) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private void Forget()
    {
        _forgotten = this[_first].Through;
        _forgottenTicket = this[_first].Ticket;
        _forgottenSequence = this[_first].StreamSequence;
        _first++;
    }
}
