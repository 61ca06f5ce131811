using System.Numerics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Appliance.State;
using Appliance.TcpStateMirror.Capture;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>
/// The connections of a capture, found by BUZhash over the five-tuple. Bounded in number and aged by state; time is that of the packets. In steady
/// state a packet allocates nothing: records of ended connections are used again. Not thread-safe.
/// </summary>
/// <typeparam name="TSink">Who is told of connections that ended.</typeparam>
public sealed class FlowTable<TSink> : IFrameHandler where TSink : struct, IFlowSink
{
    private const int AgeEvery = 256; // packets between two looks at the clock

    private readonly FlowTableOptions _options;
    private readonly BuzHash _hash;
    private readonly FragmentAssembler _fragments = new();
    private readonly Flow?[] _buckets;
    private readonly FlowQueue[] _queues;
    private readonly Stack<HelloReader> _freeReaders = new();
    private Flow? _free;
    private TSink _sink;
    private int _count, _readers, _sinceAged;
    private long _now;

    /// <param name="options">Bounds and times.</param>
    /// <param name="sink">Who is told.</param>
    public FlowTable(FlowTableOptions options, TSink sink)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Capacity, 1);
        _options = options;
        _sink = sink;
        // Strangers choose addresses and ports: the seed is new for each table.
        Span<byte> seed = stackalloc byte[BuzHash.SeedBytes];
        RandomNumberGenerator.Fill(seed);
        _hash = new BuzHash(seed);
        _buckets = new Flow?[BitOperations.RoundUpToPowerOf2((uint)options.Capacity)];
        _queues = [new(Nanoseconds(options.Linger)), new(Nanoseconds(options.TransitoryIdle)), new(Nanoseconds(options.EstablishedIdle))];
    }

    /// <summary>What was seen so far.</summary>
    public FlowCounters Counters { get; } = new();

    /// <summary>Connections in the table.</summary>
    public int Count => _count;

    /// <summary>Takes a frame in.</summary>
    public void OnFrame(scoped in CapturedFrame frame)
    {
        PacketVerdict verdict = LinkLayer.Strip(frame.Link, frame.Bytes, out ReadOnlySpan<byte> datagram);
        if (verdict != PacketVerdict.Segment) Counters.Count(verdict);
        else if (_options.Filter is null || _options.Filter.Matches(datagram)) OnDatagram(frame.Nanoseconds, datagram);
    }

    /// <summary>Takes an IP datagram in.</summary>
    /// <param name="nanoseconds">When it was captured, since 1970 UTC.</param>
    /// <param name="datagram">From the first byte of the IP header.</param>
    public void OnDatagram(long nanoseconds, ReadOnlySpan<byte> datagram)
    {
        PacketVerdict verdict = SegmentDecoder.Decode(datagram, _options.VerifyChecksums, _fragments, out TcpSegment segment);
        Counters.Count(verdict);
        if (verdict != PacketVerdict.Segment) return;
        _now = Math.Max(_now, nanoseconds);
        if (++_sinceAged >= AgeEvery) Expire(_now);
        OnSegment(nanoseconds, in segment);
    }

    /// <summary>Tells connections that have been idle too long. Called from within, too; a live capture without packets calls it with the time of day.</summary>
    /// <param name="nanoseconds">The time, since 1970 UTC.</param>
    public void Expire(long nanoseconds)
    {
        _sinceAged = 0;
        foreach (FlowQueue queue in _queues)
        {
            while (queue.Oldest is { } flow && flow.Queued <= nanoseconds - queue.Idle)
            {
                if (flow.Last <= nanoseconds - queue.Idle) End(flow, EndOf(flow, FlowEnd.Idle));
                else queue.Requeue(flow, nanoseconds);
            }
        }
    }

    /// <summary>The input is over: tells all that are left, in the order of their beginning.</summary>
    public void Finish()
    {
        var left = new List<Flow>(_count);
        foreach (FlowQueue queue in _queues)
        {
            for (Flow? flow = queue.Oldest; flow is not null; flow = flow.Newer) left.Add(flow);
        }
        left.Sort(static (one, other) => one.Number.CompareTo(other.Number));
        foreach (Flow flow in left) End(flow, EndOf(flow, FlowEnd.Input));
    }

    private void OnSegment(long now, scoped in TcpSegment segment)
    {
        TcpView tcp = segment.Tcp;
        TcpFlags flags = tcp.Flags;
        FlowKey key = FlowKey.Of(in segment, out bool fromLower);
        ref Flow? bucket = ref _buckets[key.Hash(_hash) & (ulong)(_buckets.Length - 1)];
        Flow? flow = bucket;
        while (flow is not null && !flow.Key.Equals(in key)) flow = flow.NextInBucket;
        if (flow is not null && IsReuse(flow, fromLower, flags, tcp.Sequence))
        {
            End(flow, EndOf(flow, FlowEnd.Reused));
            flow = null;
        }
        flow ??= Begin(now, in key, fromLower, flags, tcp.SourcePort, tcp.DestinationPort);
        flow.Last = Math.Max(flow.Last, now);
        bool fromClient = fromLower == flow.ClientIsLower;
        (FlowSide sender, FlowSide receiver) = fromClient ? (flow.Client, flow.Server) : (flow.Server, flow.Client);
        Update(flow, sender, receiver, now, in segment, tcp, flags);
        FlowAge age = flow.IsClosed ? FlowAge.Closed : flow.Client.State == TcpState.Established && flow.Server.State == TcpState.Established ? FlowAge.Established : FlowAge.Transitory;
        if (age != flow.Age) ChangeAge(flow, age);
        if (segment.PayloadBytes > 0 && _options.ReadTls) ReadHello(flow, sender, fromClient, in segment);
    }

    private void Update(Flow flow, FlowSide sender, FlowSide receiver, long now, scoped in TcpSegment segment, TcpView tcp, TcpFlags flags)
    {
        uint sequence = tcp.Sequence, acknowledgement = tcp.Acknowledgement;
        if (sender.Packets++ == 0) (sender.FirstSequence, sender.NextSequence) = (sequence, sequence);
        sender.Bytes += segment.PayloadBytes;
        sender.LastSequence = sequence;
        sender.Window = tcp.Window;
        sender.Flags |= flags;
        if ((flags & TcpFlags.Ack) != 0)
        {
            if (!sender.HasAcknowledgement) (sender.HasAcknowledgement, sender.FirstAcknowledgement) = (true, acknowledgement);
            sender.LastAcknowledgement = acknowledgement;
        }
        ReadOptions(sender, tcp.Options, (flags & TcpFlags.Syn) != 0);
        switch (sender.Analysis.OnSegment(ref receiver.Analysis, now, sequence, acknowledgement, segment.PayloadBytes, flags, tcp.Window, flow.RoundTrip))
        {
            case Repetition.Retransmission: sender.Retransmissions++; break;
            case Repetition.OutOfOrder: sender.OutOfOrder++; break;
        }
        uint end = sequence + (uint)segment.PayloadBytes + ((flags & TcpFlags.Syn) != 0 ? 1u : 0) + ((flags & TcpFlags.Fin) != 0 ? 1u : 0);
        if ((flags & TcpFlags.Rst) == 0 && SequenceNumber.IsAfter(end, sender.NextSequence)) sender.NextSequence = end;
        if ((flags & (TcpFlags.Syn | TcpFlags.Ack)) == TcpFlags.Syn) flow.SynTime = now;
        else if ((flags & (TcpFlags.Syn | TcpFlags.Ack)) == TcpFlags.Ack && flow.SynTime != 0 && flow.RoundTrip == 0) flow.RoundTrip = Math.Max(1, now - flow.SynTime);
        if ((flags & TcpFlags.Syn) != 0) flow.AnySyn = true;
        FlowStates.OnSegment(flow, sender, receiver, flags, sequence, acknowledgement, segment.PayloadBytes);
    }

    private void ReadOptions(FlowSide sender, ReadOnlySpan<byte> bytes, bool syn)
    {
        if (bytes.IsEmpty) return;
        TcpOptions options = TcpOptions.Parse(bytes);
        if (options.HasTimestamps)
        {
            if (!sender.HasTimestamps) (sender.HasTimestamps, sender.FirstTimestamp) = (true, options.TimestampValue);
            (sender.LastTimestamp, sender.LastTimestampEcho) = (options.TimestampValue, options.TimestampEcho);
        }
        if (options.SackBlocks > 0) sender.SackSegments++;
        if (options.Malformed)
        {
            sender.MalformedOptions++;
            Counters.MalformedOptions++;
        }
        if (!syn || sender.HasSyn) return;
        sender.HasSyn = true;
        (sender.WindowScale, sender.SegmentSize, sender.PermitsSack) = (options.Scale, options.SegmentSize, options.PermitsSack);
    }

    private void ReadHello(Flow flow, FlowSide sender, bool fromClient, scoped in TcpSegment segment)
    {
        uint? start = (sender.Flags & TcpFlags.Syn) != 0 ? sender.FirstSequence + 1 : null;
        if (flow.Hello is null)
        {
            if (flow.HelloTried || segment.Payload.IsEmpty) return;
            flow.HelloTried = true;
            // The first byte of the stream tells whether it can be TLS; a segment from further on may be anything.
            if ((start is null || start == segment.Tcp.Sequence) && segment.Payload[0] is < TlsRecordView.ChangeCipherSpec or > TlsRecordView.ApplicationData) return;
            if (_freeReaders.Count == 0 && _readers == _options.MaxHandshakes)
            {
                Counters.HellosSkipped++;
                return;
            }
            if (!_freeReaders.TryPop(out flow.Hello))
            {
                flow.Hello = new HelloReader();
                _readers++;
            }
            flow.Facts ??= new TlsFacts();
        }
        flow.Hello.OnSegment(fromClient, start, segment.Tcp.Sequence, segment.Payload, segment.Payload.Length < segment.PayloadBytes, flow.Facts!);
        if (flow.Hello.Done) ReleaseReader(flow);
    }

    // C-10: a SYN with another initial sequence number begins another connection. One that was answered by a reset may begin with the same number again.
    private static bool IsReuse(Flow flow, bool fromLower, TcpFlags flags, uint sequence)
    {
        if ((flags & (TcpFlags.Syn | TcpFlags.Ack)) != TcpFlags.Syn) return false;
        FlowSide sender = fromLower == flow.ClientIsLower ? flow.Client : flow.Server;
        FlowSide receiver = sender == flow.Client ? flow.Server : flow.Client;
        uint first = sender.Packets == 0
            ? receiver.HasAcknowledgement ? receiver.FirstAcknowledgement - 1 : sequence
            : (sender.Flags & TcpFlags.Syn) != 0 ? sender.FirstSequence : sender.FirstSequence - 1;
        return sequence != first;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Flow Begin(long now, in FlowKey key, bool fromLower, TcpFlags flags, ushort from, ushort to)
    {
        if (_count == _options.Capacity) Evict();
        Flow flow = _free ?? new Flow();
        _free = flow.NextInBucket;
        flow.Clear();
        flow.Key = key;
        flow.Number = Counters.Connections++;
        (flow.Start, flow.Last) = (now, now);
        // C-11: who sends the SYN is the client; without one, who has the higher port.
        bool senderIsClient = (flags & TcpFlags.Syn) != 0 ? (flags & TcpFlags.Ack) == 0 : from >= to;
        flow.ClientIsLower = senderIsClient == fromLower;
        (FlowSide low, FlowSide high) = flow.ClientIsLower ? (flow.Client, flow.Server) : (flow.Server, flow.Client);
        (low.Address, low.Port) = (key.Low, (ushort)(key.Ports >> 16));
        (high.Address, high.Port) = (key.High, (ushort)key.Ports);
        flow.Age = FlowAge.Transitory;
        _queues[(int)flow.Age].Append(flow, _now);
        // Ending another may have changed the bucket, so it is looked up again.
        ref Flow? bucket = ref BucketOf(in key);
        (flow.NextInBucket, bucket) = (bucket, flow);
        _count++;
        return flow;
    }

    private void ChangeAge(Flow flow, FlowAge age)
    {
        _queues[(int)flow.Age].Remove(flow);
        flow.Age = age;
        _queues[(int)age].Append(flow, _now);
    }

    private void Evict()
    {
        Counters.Evictions++;
        foreach (FlowQueue queue in _queues)
        {
            if (queue.Oldest is not { } flow) continue;
            End(flow, EndOf(flow, FlowEnd.Evicted));
            return;
        }
    }

    private static FlowEnd EndOf(Flow flow, FlowEnd otherwise) => flow.WasReset ? FlowEnd.Reset : flow.IsClosed ? FlowEnd.Fin : otherwise;

    private void End(Flow flow, FlowEnd end)
    {
        _sink.OnEnded(flow, end);
        if (flow.Hello is not null) ReleaseReader(flow);
        flow.Facts?.Clear();
        _queues[(int)flow.Age].Remove(flow);
        ref Flow? bucket = ref BucketOf(in flow.Key);
        if (bucket == flow)
        {
            bucket = flow.NextInBucket;
        }
        else
        {
            Flow before = bucket!;
            while (before.NextInBucket != flow) before = before.NextInBucket!;
            before.NextInBucket = flow.NextInBucket;
        }
        flow.NextInBucket = _free;
        _free = flow;
        _count--;
    }

    private void ReleaseReader(Flow flow)
    {
        if (flow.Hello!.Failed && flow.Tls is not null) Counters.MalformedHellos++;
        flow.Hello.Clear();
        _freeReaders.Push(flow.Hello);
        flow.Hello = null;
    }

    private ref Flow? BucketOf(in FlowKey key) => ref _buckets[key.Hash(_hash) & (ulong)(_buckets.Length - 1)];

    private static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;
}
