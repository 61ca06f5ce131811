using System.Net;
using Appliance.Cluster.Addresses;
using Appliance.Interop;
using Appliance.Multicast;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Guard;

/// <summary>
/// The fence in the kernel (docs/decisions/0005-kernel-guard.md): floating addresses speak and listen on the guarded links only while the deadline of their
/// service lies ahead, whatever state this process is in. Demands A2, E8.
/// </summary>
/// <remarks>
/// <para>A deadline is CLOCK_BOOTTIME in nanoseconds, as <see cref="Timestamp"/> has it in the product and ktime_get_boot_ns in the kernel. Compute it from the send time of the
/// heartbeat that a majority echoed: then a store that is itself late, after a freeze, stores a time that has passed.</para>
/// <para>Fail-closed: everything is closed when installed; disposing or dying leaves the guard attached with its last deadlines. Only <see cref="Uninstall()"/> opens.</para>
/// <para>Covered: what passes the guarded links as Ethernet, with up to two VLAN tags. Not covered: traffic of this host with itself (loopback), packets already in the
/// link's queue at the deadline, senders that go around the queue (PACKET_QDISC_BYPASS, AF_XDP), and tunnels, whose inner addresses nobody looks at.</para>
/// <para><see cref="Renew"/>, <see cref="Revoke"/> and the readings may be called from any thread, one writer per slot, and not while the guard is disposed. The rest is not thread-safe, and acts in the network
/// namespace of the calling thread.</para>
/// </remarks>
internal sealed class LeaseGuard : IDisposable
{
    internal const int MaxLinks = 16;
    private readonly GuardPins _pins;
    private readonly RouteSocket _socket;
    private readonly GuardMaps _maps;
    private readonly IGuardHook _hook;
    private readonly SafeFileHandle _ingress;
    private readonly SafeFileHandle _egress;
    private readonly NetworkLink[] _links;
    private bool _disposed;

    private LeaseGuard(GuardPins pins, RouteSocket socket, GuardMaps maps, IGuardHook hook, SafeFileHandle ingress, SafeFileHandle egress, NetworkLink[] links, GuardAttachment attachment)
    {
        _pins = pins;
        _socket = socket;
        _maps = maps;
        _hook = hook;
        _ingress = ingress;
        _egress = egress;
        _links = links;
        Attachment = attachment;
    }

    /// <summary>How it is attached: TCX or clsact.</summary>
    internal GuardAttachment Attachment { get; }

    /// <summary>Installs the guard with every service closed, or takes over the one that an earlier process of this name left; at no moment of a take-over is none attached.</summary>
    /// <param name="options">Where and how.</param>
    /// <param name="links">Names of the links to guard, at most <see cref="MaxLinks"/>. Every address is guarded on all of them, because the kernel answers for an address on any link.</param>
    /// <param name="services">At most <see cref="GuardMaps.MaxServices"/> with <see cref="GuardMaps.MaxAddresses"/> addresses in all; a service's slot is its index here. An
    /// address that an earlier process guarded and that is not named again is free afterwards: take it off the links before.</param>
    /// <exception cref="GuardException">The host cannot carry it, or the request is contradictory; what was attached before stays.</exception>
    internal static LeaseGuard Install(GuardOptions options, IReadOnlyList<string> links, IReadOnlyList<GuardedService> services)
    {
        Dictionary<IPAddress, int> slots = SlotsOf(services);
        if (links.Count is 0 or > MaxLinks) throw new GuardException(GuardFault.BadRequest, $"the guard takes 1 to {MaxLinks} links, not {links.Count}");
        if (BootClock.Offset() is { } offset) throw new GuardException(GuardFault.ShiftedClock, $"this process runs in a time namespace that shifts the boot clock by {offset}: the guard's deadlines would be wrong; start it outside");

        using var undo = new DisposeStack();
        RouteSocket socket = undo.Add(new RouteSocket());
        NetworkLink[] found = links.Distinct(StringComparer.Ordinal).Select(name => FindLink(socket, name)).ToArray();
        GuardPins pins = undo.Add(GuardPins.Open(options));
        GuardMaps? pinned = GuardMaps.TryOpen(pins.Addresses, pins.Services);
        GuardMaps maps = undo.Add(pinned ?? GuardMaps.Create());
        maps.CloseAll();
        maps.ReplaceAddresses(slots);
        SafeFileHandle ingress = undo.Add(Load(maps, GuardDirection.Ingress));
        SafeFileHandle egress = undo.Add(Load(maps, GuardDirection.Egress));

        bool tcx = options.Attachment == GuardAttachment.Tcx || (options.Attachment == GuardAttachment.Automatic && TcxHook.IsSupported());
        var tcxHook = new TcxHook(pins);
        var clsactHook = new ClsactHook(pins, socket);
        IGuardHook hook = tcx ? tcxHook : clsactHook;
        foreach (NetworkLink link in found)
        {
            hook.Attach(link, GuardDirection.Ingress, ingress);
            hook.Attach(link, GuardDirection.Egress, egress);
        }
        if (pinned is null)
        {
            GuardPins.Pin(maps.Addresses, pins.Addresses);
            GuardPins.Pin(maps.Services, pins.Services);
        }
        // Only now that the new one stands: what hangs elsewhere, or in the other way.
        tcxHook.DetachOthers(tcx ? found : []);
        clsactHook.DetachOthers(tcx ? [] : found);
        undo.Keep();
        return new LeaseGuard(pins, socket, maps, hook, ingress, egress, found, tcx ? GuardAttachment.Tcx : GuardAttachment.Clsact);
    }

    /// <summary>Removes an installed guard without its process; the addresses are free afterwards.</summary>
    /// <returns>False when there was none.</returns>
    /// <exception cref="GuardException">Another living process holds it.</exception>
    internal static bool Uninstall(GuardOptions options)
    {
        using GuardPins? pins = GuardPins.TryOpen(options);
        if (pins is null) return false;
        using var socket = new RouteSocket();
        Remove(pins, socket);
        return true;
    }

    /// <summary>Makes the maps and loads both programs, then lets go of them: whether the kernel takes them.</summary>
    /// <exception cref="GuardException">It does not.</exception>
    internal static void TryPrograms()
    {
        using GuardMaps maps = GuardMaps.Create();
        Load(maps, GuardDirection.Ingress).Dispose();
        Load(maps, GuardDirection.Egress).Dispose();
    }

    /// <summary>Lets the addresses of a service pass until the deadline. One 64-bit store, no system call, no allocation.</summary>
    /// <param name="slot">Index of the service.</param>
    /// <param name="deadline">CLOCK_BOOTTIME; may lie before the one set earlier.</param>
    internal void Renew(int slot, Timestamp deadline)
    {
        // An unmapped page would end the process, a slot beyond it would hit other memory.
        if (_disposed || (uint)slot >= GuardMaps.MaxServices) throw new InvalidOperationException($"no slot {slot} in a guard that is {(_disposed ? "disposed" : "installed")}");
        Volatile.Write(ref _maps.Deadline(slot), deadline.Nanoseconds);
    }

    /// <summary>Silences the addresses of a service now.</summary>
    internal void Revoke(int slot) => Renew(slot, new Timestamp(0));

    /// <summary>The deadline that stands for a service.</summary>
    internal Timestamp Deadline(int slot) => new(Volatile.Read(ref _maps.Deadline(slot)));

    /// <summary>Packets that the guard dropped for a service since it was first installed.</summary>
    internal long Dropped(int slot, GuardDirection direction) => _maps.Dropped(slot, direction);

    /// <summary>The kernel's refusals of connects (RST to a SYN) from a service's addresses that the guard dropped although the lease was valid: the process behind them had died. Since it was first installed.</summary>
    internal long Withheld(int slot) => _maps.Withheld(slot);

    /// <summary>Looks whether the guard still hangs first on every link; sentences about what is wrong, none when all is well. For a check every few seconds: it asks the kernel.</summary>
    internal IReadOnlyList<string> Verify()
    {
        var wrong = new List<string>();
        foreach (NetworkLink link in _links)
        {
            if (_hook.Verify(link, GuardDirection.Ingress, _ingress) is { } arriving) wrong.Add(arriving);
            if (_hook.Verify(link, GuardDirection.Egress, _egress) is { } leaving && !wrong.Contains(leaving)) wrong.Add(leaving);
        }
        return wrong;
    }

    /// <summary>Detaches and forgets the guard: the addresses are free. Remove them from the links first.</summary>
    internal void Uninstall()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Remove(_pins, _socket);
        Dispose();
    }

    /// <summary>Lets go of the guard and leaves it attached, with the deadlines as they stand.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _maps.Dispose();
        _ingress.Dispose();
        _egress.Dispose();
        _socket.Dispose();
        _pins.Dispose();
    }

    private static void Remove(GuardPins pins, RouteSocket socket)
    {
        new ClsactHook(pins, socket).DetachOthers([]);
        new TcxHook(pins).DetachOthers([]);
        pins.RemoveAll();
    }

    private static SafeFileHandle Load(GuardMaps maps, GuardDirection direction)
    {
        ulong[] code = GuardProgram.Build(direction, (int)maps.Addresses.DangerousGetHandle(), (int)maps.Services.DangerousGetHandle());
        string name = direction == GuardDirection.Ingress ? "appl_guard_in" : "appl_guard_out";
        int program = Bpf.LoadProgram(name, code, []);
        if (program >= 0) return KernelObjects.Own(program);
        if (program == -Errno.Invalid) throw new GuardException(GuardFault.KernelTooOld, $"the kernel refuses the guard's program: {Verdict(name, code)}; it needs ktime_get_boot_ns, Linux 5.8");
        throw GuardException.FromBpf("load the guard's program", program);
    }

    /// <summary>The last line of the verifier's text: loading once more with a log costs nothing where it matters.</summary>
    private static string Verdict(string name, ulong[] code)
    {
        byte[] log = new byte[256 * 1024];
        int program = Bpf.LoadProgram(name, code, log);
        if (program >= 0) KernelObjects.Own(program).Dispose();
        string[] lines = System.Text.Encoding.UTF8.GetString(log).TrimEnd('\0', '\n').Split('\n');
        return lines.LastOrDefault(static line => line.Length > 0 && !line.StartsWith("processed", StringComparison.Ordinal)) ?? "no reason given";
    }

    private static NetworkLink FindLink(RouteSocket socket, string name)
    {
        NetworkLink link;
        try
        {
            link = LinkTable.Find(socket, name);
        }
        catch (NetworkSetupException exception)
        {
            throw new GuardException(GuardFault.UnusableLink, $"cannot guard {name}: {exception.Message}");
        }
        return link.IsEthernet ? link : throw new GuardException(GuardFault.UnusableLink, $"cannot guard {name}: it is no Ethernet link (type {link.Kind}), and the guard reads Ethernet frames");
    }

    private static Dictionary<IPAddress, int> SlotsOf(IReadOnlyList<GuardedService> services)
    {
        if (services.Count > GuardMaps.MaxServices) throw new GuardException(GuardFault.BadRequest, $"the guard takes at most {GuardMaps.MaxServices} services, not {services.Count}");
        var slots = new Dictionary<IPAddress, int>();
        for (int slot = 0; slot < services.Count; slot++)
        {
            foreach (IPAddress address in services[slot].Addresses)
            {
                if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) || address.IsIPv6Multicast || address.IsIPv6LinkLocal || address.IsIPv4MappedToIPv6)
                    throw new GuardException(GuardFault.BadRequest, $"{address} of service {services[slot].Name} is no floating address");
                if (!slots.TryAdd(address, slot)) throw new GuardException(GuardFault.BadRequest, $"{address} belongs to the services {services[slots[address]].Name} and {services[slot].Name}: each address has one lease");
            }
        }
        return slots.Count <= GuardMaps.MaxAddresses ? slots : throw new GuardException(GuardFault.BadRequest, $"the guard takes at most {GuardMaps.MaxAddresses} addresses, not {slots.Count}");
    }
}
