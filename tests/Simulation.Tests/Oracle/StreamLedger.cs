namespace Appliance.Tests.Simulation.Oracle;

/// <summary>Everything that one node published in one life.</summary>
internal sealed class StreamLedger
{
    private readonly List<Message> _messages = [];
    private int _batchStart;

    internal StreamLedger(int number, int node, ulong incarnation)
    {
        Number = number;
        Node = node;
        Incarnation = incarnation;
    }

    /// <summary>Number of the stream among all of the run.</summary>
    internal int Number { get; }

    /// <summary>Whose it is.</summary>
    internal int Node { get; }

    /// <summary>In which of its lives.</summary>
    internal ulong Incarnation { get; }

    /// <summary>Messages published, those of an unfinished batch included.</summary>
    internal int Count => _messages.Count;

    /// <summary>Messages in finished batches.</summary>
    internal int WholeCount => _batchStart;

    /// <summary>Sequence that completes the newest finished batch; 0 before the first.</summary>
    internal ulong Through { get; private set; }

    /// <summary>Notes a published message.</summary>
    internal void Add(int length, ulong sequence, bool batchContinues)
    {
        if (_messages.Count > 0 && sequence < _messages[^1].Sequence)
            throw new InvariantViolation($"stream {Number}: message {Count} got sequence {sequence}, below {_messages[^1].Sequence} of the one before");
        _messages.Add(new Message(length, sequence, ulong.MaxValue, batchContinues));
        if (batchContinues) return;
        for (int i = _batchStart; i < _messages.Count; i++) _messages[i] = _messages[i] with { BatchThrough = sequence };
        _batchStart = _messages.Count;
        Through = sequence;
    }

    /// <summary>A message.</summary>
    internal Message this[int index] => _messages[index];

    /// <summary>A published message.</summary>
    /// <param name="Length">In bytes.</param>
    /// <param name="Sequence">What publishing answered: the datagram that completes it.</param>
    /// <param name="BatchThrough">The datagram that completes its batch; the largest number while the batch is unfinished.</param>
    /// <param name="BatchContinues">It is not the last of its batch.</param>
    internal readonly record struct Message(int Length, ulong Sequence, ulong BatchThrough, bool BatchContinues);
}
