namespace Appliance.Tests.Shared;

/// <summary>What code costs the collector, in bytes.</summary>
public static class Allocated
{
    /// <summary>What <paramref name="work"/> allocates: the least of a few runs, as code that allocates does so in each. The runtime's own share, such as for code that it compiles anew, falls into some of them.</summary>
    /// <param name="work">Run at least once, and until nothing was allocated.</param>
    /// <param name="count">The allocated bytes of the thread that does the work; null: this thread's.</param>
    /// <param name="runs">At most; more where the work is so short that compiling goes on beside several.</param>
    public static long Least(Action work, Func<long>? count = null, int runs = 4)
    {
        count ??= GC.GetAllocatedBytesForCurrentThread;
        long least = long.MaxValue;
        for (int run = 0; run < runs && least > 0; run++)
        {
            long before = count();
            work();
            least = Math.Min(least, count() - before);
        }
        return least;
    }
}
