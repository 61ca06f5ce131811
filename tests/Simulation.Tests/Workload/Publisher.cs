using Appliance.Multicast;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Nodes;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Workload;

/// <summary>Publishes what the workload offers to one life of a node, as fast as the group takes it.</summary>
internal sealed class Publisher
{
    private const int MostWaiting = 64;
    private const long LongestRefusal = 12_000_000_000;
    private readonly SimulatedNode _node;
    private readonly LifeLedger _life;
    private readonly StreamWorld _world;
    private readonly Queue<Offer> _waiting = new();
    private readonly byte[] _scratch;
    private bool _refused;
    private long _refusedAt;
    private int _sentOfFirst;

    internal Publisher(SimulatedNode node, LifeLedger life, StreamWorld world)
    {
        _node = node;
        _life = life;
        _world = world;
        _scratch = world.Scratch;
    }

    /// <summary>Batches that wait for the flow window.</summary>
    internal int Waiting => _waiting.Count;

    /// <summary>When it wants to try again: at once when something waits and nothing was refused.</summary>
    internal long NextDeadline => _waiting.Count > 0 && !_refused && !_node.Leaving ? 0 : long.MaxValue;

    /// <summary>Takes a batch of messages of random sizes; refuses when too much waits (a listener stops reading then).</summary>
    internal bool TryOffer(in Offer offer)
    {
        if (_waiting.Count >= MostWaiting) return false;
        _waiting.Enqueue(offer);
        return true;
    }

    /// <summary>The window is open again.</summary>
    internal void OnWindowOpen()
    {
        if (!_refused) return;
        _refused = false;
        _world.Totals.LongestRefusal = Math.Max(_world.Totals.LongestRefusal, _world.Time - _refusedAt);
    }

    /// <summary>The flow window must not stay closed: whoever keeps it closed is ejected. The bound is generous; it is not for speed but against waiting for ever.</summary>
    internal void CheckRefusal(long time)
    {
        if (_refused && time - Math.Max(_refusedAt, _node.RunningSince) > LongestRefusal)
            throw new InvariantViolation($"{_node.Name} could not publish for {(time - _refusedAt) / 1e9:F1} s");
    }

    /// <summary>Publishes until the window closes.</summary>
    internal void Publish(long time)
    {
        while (!_refused && !_node.Leaving && _waiting.TryPeek(out Offer offer))
        {
            SimulationRandom sizes = new(offer.Seed);
            for (int i = 0; i < offer.Messages; i++)
            {
                int length = offer.Length(sizes);
                if (!TryPublish(time, offer, i, length)) return;
            }
            _sentOfFirst = 0;
            _waiting.Dequeue();
        }
    }

    private bool TryPublish(long time, in Offer offer, int index, int length)
    {
        if (index < _sentOfFirst) return true;
        bool continues = offer.Atomic && index < offer.Messages - 1;
        Span<byte> message = _scratch.AsSpan(0, length);
        Payload.Write(_life.Published.Number, _life.Published.Count, message);
        PublishOptions options = (continues ? PublishOptions.BatchContinues : 0) | (offer.Acknowledged ? PublishOptions.AcknowledgeNow : 0);
        if (!_node.TryPublish(message, options, out ulong sequence))
        {
            if (offer.Atomic && index > 0) throw new InvariantViolation($"{_node.Name}: publishing was refused inside a batch");
            _refused = true;
            _refusedAt = time;
            _world.Totals.Refusals++;
            _world.Trace.Event(time, _node.Index, "publishing refused; published so far", _life.Published.Count, (long)_node.PublishedThrough);
            return false;
        }
        _life.Published.Add(length, sequence, continues);
        _world.Trace.Traffic(time, _node.Index, "published message of length, complete at", _life.Published.Count - 1, length, (long)sequence);
        _world.Totals.Publishes++;
        _world.PublishedInRun++;
        _sentOfFirst = index + 1;
        return true;
    }
}

/// <summary>Messages that are published one after the other.</summary>
/// <param name="Seed">Decides their sizes.</param>
/// <param name="Messages">How many.</param>
/// <param name="Atomic">They form one batch.</param>
/// <param name="Acknowledged">Receivers report at once.</param>
/// <param name="MostBytes">Largest message.</param>
internal readonly record struct Offer(ulong Seed, int Messages, bool Atomic, bool Acknowledged, int MostBytes)
{
    /// <summary>Length of the next message: mostly small, now and then many datagrams.</summary>
    internal int Length(SimulationRandom sizes)
    {
        int die = sizes.Below(100);
        int most = die switch
        {
            < 4 => 8,
            < 80 => 200,
            < 95 => 1500,
            < 99 => 8000,
            _ => MostBytes,
        };
        return sizes.Below(Math.Min(most, MostBytes) + 1);
    }
}
