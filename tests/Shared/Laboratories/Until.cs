using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

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
            Thread.Sleep(25);
        }
    }

    /// <summary>Waits until a program on this host accepts connections.</summary>
    public static void Accepts(string program, int port, TimeSpan limit) => True($"{program} accepts connections at port {port}", limit, () =>
    {
        using Socket probe = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            probe.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    });
}
