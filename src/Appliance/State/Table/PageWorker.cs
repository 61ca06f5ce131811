using System.Collections.Concurrent;

namespace Appliance.State;

/// <summary>
/// One background thread of the process that brings pages in before a table's writer needs them, and gives them back afterwards.
/// </summary>
/// <remarks>
/// The first touch of a huge page clears 2 MiB: 0.3 ms where the host has the memory, 5 ms and more where the hypervisor has to find it first.
/// Neither may happen between two commands. Each region is queued at most once, so the queue is bounded by the number of regions.
/// </remarks>
internal static class PageWorker
{
    private static readonly ConcurrentQueue<PreparedRegion> Queue = new();
    private static readonly SemaphoreSlim Signal = new(0);
    private static int _started;

    /// <summary>Asks for a turn of <see cref="PreparedRegion.Work"/>.</summary>
    public static void Post(PreparedRegion region)
    {
        if (Volatile.Read(ref _started) == 0 && Interlocked.Exchange(ref _started, 1) == 0)
        {
            new Thread(Run) { IsBackground = true, Name = "table pages" }.Start();
        }
        Queue.Enqueue(region);
        Signal.Release();
    }

    private static void Run()
    {
        while (true)
        {
            Signal.Wait();
            if (Queue.TryDequeue(out var region)) region.Work();
        }
    }
}
