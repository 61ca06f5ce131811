using System.Runtime.InteropServices;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Perf.Macro.Mirror;

/// <summary>Writes a number of updates on the primary's loop, as a listener would: a bounded piece of work in each round.</summary>
/// <param name="keys">How many different keys.</param>
/// <param name="updates">How many updates.</param>
/// <param name="acknowledged">One at a time: the next when the last was acknowledged by two.</param>
internal sealed class MirrorWriter(int keys, int updates, bool acknowledged)
{
    private const int UpdatesPerRound = 2048;
    private static long _written; // so that no two updates of a process write the same value
    private readonly ManualResetEventSlim _done = new();
    private ServiceStore? _store;
    private Timestamp _startedAt, _setAt;
    private long _allocatedBefore;
    private bool _awaitsAcknowledgement;

    /// <summary>Updates made.</summary>
    internal int Updates { get; private set; }

    /// <summary>From the first update until the primary knew that all members have applied all.</summary>
    internal double Seconds { get; private set; }

    /// <summary>Managed bytes that the loop's thread allocated meanwhile.</summary>
    internal long AllocatedBytes { get; private set; }

    /// <summary>From a write to its acknowledgement by two.</summary>
    internal PauseHistogram Latencies { get; } = new();

    /// <summary>Nothing can be written now.</summary>
    internal bool IsBlocked { get; private set; }

    internal void Begin(ServiceStore store, Timestamp now)
    {
        _store = store;
        _startedAt = now;
        _allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
    }

    internal void Wait() => _done.Wait();

    internal void Continue(MulticastGroup group, Timestamp now)
    {
        if (_done.IsSet || _store is null) return;
        for (int i = 0; i < (acknowledged ? 1 : UpdatesPerRound) && Updates < updates && !IsBlocked; i++) Update();
        if (Updates < updates || _awaitsAcknowledgement) return;
        IsBlocked = true;
        foreach (GroupMember member in group.Members)
            if (member.AppliedThrough < group.PublishedThrough) return;
        Seconds = (now - _startedAt).TotalSeconds;
        AllocatedBytes = GC.GetAllocatedBytesForCurrentThread() - _allocatedBefore;
        _done.Set();
    }

    internal void OnWritable()
    {
        if (!_awaitsAcknowledgement) IsBlocked = false;
    }

    internal void OnResolved()
    {
        if (!_awaitsAcknowledgement || _store!.ResolvedThrough < _store.LastTicket) return;
        Latencies.Add(EventLoop.ReadClock().Nanoseconds - _setAt.Nanoseconds);
        _awaitsAcknowledgement = IsBlocked = false;
    }

    private void Update()
    {
        Span<byte> key = stackalloc byte[MirrorRecords.KeyBytes], value = stackalloc byte[MirrorRecords.ValueBytes];
        long number = _written;
        MirrorRecords.WriteKey(key, (int)(number % keys), acknowledged);
        MemoryMarshal.Write(value, number);
        MemoryMarshal.Write(value[8..], ~number);
        WriteRefusal refusal = _store!.CheckWrite(key, value.Length);
        if (refusal == WriteRefusal.Busy)
        {
            IsBlocked = true;
            return;
        }
        if (refusal != WriteRefusal.None) throw new InvalidOperationException($"an update was refused: {refusal}");
        if (acknowledged)
        {
            _awaitsAcknowledgement = IsBlocked = true;
            _setAt = EventLoop.ReadClock();
        }
        _store.Set(key, value, expiryMilliseconds: 0);
        _written++;
        Updates++;
    }
}
