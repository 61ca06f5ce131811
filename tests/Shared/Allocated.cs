namespace Appliance.Tests.Shared;

/// <summary>What code costs the collector, in bytes.</summary>
public static class Allocated
{
    /// <summary>What <paramref name="work"/> allocates: the least of up to 20 runs, as code that allocates does so in each. The runtime's own share, e.g. for code that it
    /// compiles anew, and the rest of a thread's allocation block (up to 8 KiB) that a collection by another thread ends, fall into some of them.</summary>
    /// <param name="work">Run at least once, and until nothing was allocated.</param>
    /// <param name="count">The allocated bytes of the thread that does the work; null: this thread's.</param>
    public static long Least(Action work, Func<long>? count = null)
    {
        count ??= GC.GetAllocatedBytesForCurrentThread;
        long least = long.MaxValue;
        for (int run = 0; run < 20 && least > 0; run++)
        {
            long before = count();
            work();
            least = Math.Min(least, count() - before);
        }
        return least;
    }
}
