using Appliance.Cluster.Guard;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Tests.Appliance.Cluster.Namespaces;

namespace Appliance.Tests.Appliance.Cluster.Guard;

/// <summary>A bpffs of the test's own, and the options for a guard in it.</summary>
internal sealed class GuardPlace : IDisposable
{
    private static int _count;

    internal GuardPlace(GuardAttachment attachment) =>
        Options = new GuardOptions { PinPath = $"/run/appliance-test-{Environment.ProcessId}-{Interlocked.Increment(ref _count)}", Name = "a.1", Attachment = attachment };

    internal GuardOptions Options { get; }

    /// <summary>Where the guard keeps its pins: the dot of the name is encoded, because bpffs forbids dots.</summary>
    internal string Directory => Options.PinPath + "/a_2e1";

    /// <summary>Installs a guard of one service in the host's namespace.</summary>
    internal LeaseGuard Install(HostAndClient pair, params GuardedService[] services) => pair.Host.Run(() => LeaseGuard.Install(Options, [HostAndClient.HostLink], services));

    /// <summary>The deadline of the first service as the kernel holds it, whoever owns the guard.</summary>
    internal Timestamp DeadlineInKernel()
    {
        using GuardMaps? maps = GuardMaps.TryOpen(Directory + "/v1-addresses", Directory + "/v1-services");
        Assert.NotNull(maps);
        return new Timestamp(Volatile.Read(ref maps.Deadline(0)));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!System.IO.Directory.Exists(Options.PinPath)) return;
        _ = KernelObjects.Unmount(Options.PinPath);
        System.IO.Directory.Delete(Options.PinPath);
    }
}
