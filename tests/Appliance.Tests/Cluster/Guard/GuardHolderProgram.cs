using System.Globalization;
using System.Net;
using Appliance.Cluster.Guard;
using Appliance.Multicast.Transport;

namespace Appliance.Tests.Appliance.Cluster.Guard;

/// <summary>A process that holds a guard and renews one service until its standard input ends.</summary>
internal static class GuardHolderProgram
{
    /// <summary>Arguments: pin path, name, attachment, link, lease in milliseconds, addresses with commas.</summary>
    internal static int Run(string[] arguments)
    {
        var options = new GuardOptions { PinPath = arguments[0], Name = arguments[1], Attachment = Enum.Parse<GuardAttachment>(arguments[2]) };
        TimeSpan lease = TimeSpan.FromMilliseconds(int.Parse(arguments[4], CultureInfo.InvariantCulture));
        IPAddress[] addresses = [.. arguments[5].Split(',').Select(IPAddress.Parse)];
        LeaseGuard guard;
        try
        {
            guard = LeaseGuard.Install(options, [arguments[3]], [new GuardedService("held", addresses)]);
        }
        catch (GuardException exception)
        {
            Console.WriteLine($"{exception.Fault}: {exception.Message}");
            return 1;
        }
        bool stop = false;
        var renewing = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                guard.Renew(0, EventLoop.ReadClock() + lease);
                Thread.Sleep(lease / 10); // the interval of renewals
            }
        });
        renewing.Start();
        Console.WriteLine("holding");
        while (Console.ReadLine() is not null)
        {
        }
        Volatile.Write(ref stop, true);
        renewing.Join();
        guard.Dispose();
        return 0;
    }
}
