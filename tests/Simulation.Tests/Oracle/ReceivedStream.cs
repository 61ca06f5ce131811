using Appliance.Multicast;

namespace Appliance.Tests.Simulation.Oracle;

/// <summary>What one life of a node got of one stream, checked against what was published: gap-free order, exactly once, whole batches, nothing lost unreported.</summary>
internal sealed class ReceivedStream
{
    private readonly StreamLedger _stream;
    private readonly string _receiver;
    private readonly List<(ulong From, ulong Through)> _gaps = [];

    internal ReceivedStream(StreamLedger stream, string receiver)
    {
        _stream = stream;
        _receiver = receiver;
    }

    /// <summary>The stream.</summary>
    internal StreamLedger Stream => _stream;

    /// <summary>Everything up to and including this sequence was delivered or reported as a gap.</summary>
    internal ulong Through { get; private set; }

    /// <summary>Everything up to and including this sequence was reported as a gap or obtained without; 0 when nothing was.</summary>
    internal ulong GapThrough { get; private set; }

    /// <summary>First sequence of the oldest gap whose effect was not obtained otherwise; 0 when there is none.</summary>
    internal ulong OpenGapFrom { get; private set; }

    /// <summary>Index of the message that must come next.</summary>
    internal int Next { get; private set; }

    /// <summary>Messages delivered.</summary>
    internal int Delivered { get; private set; }

    /// <summary>Checks a delivery.</summary>
    internal void Deliver(ulong through, MessageRun run)
    {
        bool ended = true;
        foreach (ReadOnlySpan<byte> message in run)
        {
            if (Next >= _stream.Count) throw Violation($"got {Payload.Describe(message)} after the last message {_stream.Count - 1}");
            StreamLedger.Message expected = _stream[Next];
            if (expected.Length != message.Length || !Payload.Matches(_stream.Number, Next, message))
                throw Violation($"expected message {Next} of {expected.Length} B, got {Payload.Describe(message)} (order, exactly once)");
            ended = !expected.BatchContinues;
            Next++;
            Delivered++;
        }
        if (!ended) throw Violation($"a delivery ends inside a batch, after message {Next - 1}");
        Advance(through, "delivery");
    }

    /// <summary>Checks a reported gap.</summary>
    internal void Gap(ulong from, ulong through)
    {
        if (from > through) throw Violation($"gap from {from} through {through} is empty");
        if (from <= Through) throw Violation($"gap from {from} covers what was already delivered or reported through {Through}");
        if (from > Through + 1) throw Violation($"gap from {from} leaves out what follows {Through}");
        if (OpenGapFrom == 0) OpenGapFrom = from;
        _gaps.Add((from, through));
        GapThrough = through;
        while (Next < _stream.Count && _stream[Next].BatchThrough <= through) Next++;
        Advance(through, "gap");
    }

    /// <summary>Whether all of a range was delivered.</summary>
    internal bool Has(ulong from, ulong through) => Through >= through && !_gaps.Exists(gap => gap.From <= through && gap.Through >= from);

    /// <summary>The effect of all gaps was obtained from a snapshot.</summary>
    internal void CloseGaps() => OpenGapFrom = 0;

    /// <inheritdoc/>
    public override string ToString() => $"{_receiver} got stream {_stream.Number} of node {_stream.Node} through {Through}";

    private void Advance(ulong through, string by)
    {
        if (through < Through) throw Violation($"{by} goes back from {Through} to {through}");
        Through = through;
        if (Next < _stream.Count && _stream[Next].BatchThrough <= through)
            throw Violation($"{by} through {through} left out message {Next}, complete at {_stream[Next].BatchThrough} (unreported loss)");
    }

    private InvariantViolation Violation(string text) => new($"{_receiver}, stream {_stream.Number} of node {_stream.Node}/{_stream.Incarnation}: {text}");

}
