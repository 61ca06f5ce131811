using System.Diagnostics;

namespace Appliance.Tests.Shared.Laboratories;

/// <summary>Waits for a condition that another process brings about, polling it, with a limit that fails the test.</summary>
internal static class Until
{
    public static void True(string what, TimeSpan limit, Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) >= limit) throw new TimeoutException($"after {limit.TotalSeconds} s still not true: {what}");
            // Another process's state cannot be awaited; poll without taking a core from it.
            Thread.Sleep(10);
        }
    }
}
