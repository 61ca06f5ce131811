using System.Diagnostics;

namespace Appliance.Tests.System.Harness;

/// <summary>Waits for a condition that another process brings about, polling it, with a limit that fails the test.</summary>
internal static class Until
{
    public static void True(string what, TimeSpan limit, Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < limit, $"after {limit.TotalSeconds} s still not true: {what}");
            // Another process's state cannot be awaited; poll without taking a core from it.
            Thread.Sleep(10);
        }
    }
}
