using Appliance.Cluster.Addresses;
using Appliance.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Guard;

/// <summary>Pinned TCX links (kernel/bpf/tcx.c), first in their hook. The pin is the attachment: it ends when the pin is unlinked or the device goes.</summary>
internal sealed class TcxHook : IGuardHook
{
    private const int MaxProgramsOfHook = 64;                                     // BPF_MPROG_MAX, include/linux/bpf_mprog.h
    private readonly GuardPins _pins;

    internal TcxHook(GuardPins pins) => _pins = pins;

    /// <summary>The kernel has TCX: asked with loopback, which every network namespace has.</summary>
    internal static bool IsSupported()
    {
        Span<uint> none = stackalloc uint[1];
        return Bpf.QueryTcx(1, Bpf.TcxIngress, none) != -Errno.Invalid;
    }

    /// <inheritdoc/>
    public void Attach(NetworkLink link, GuardDirection direction, SafeFileHandle program)
    {
        string pin = _pins.Link(link.Index, direction);
        using SafeFileHandle? existing = OpenAttached(link, direction, pin);
        if (existing is not null)
        {
            int updated = Bpf.UpdateLink(existing, program);
            if (updated < 0) throw GuardException.FromBpf($"exchange the guard's program on {link.Name}", updated);
            return;
        }
        int created = Bpf.CreateTcxLink(program, link.Index, Type(direction));
        if (created == -Errno.Invalid) throw new GuardException(GuardFault.KernelTooOld, $"cannot attach the guard to {link.Name} by TCX: this kernel has none (Linux 6.6 brings it); use clsact");
        if (created < 0) throw GuardException.FromBpf($"attach the guard to {link.Name}", created);
        using SafeFileHandle attached = KernelObjects.Own(created);
        GuardPins.Pin(attached, pin);
    }

    /// <inheritdoc/>
    public string? Verify(NetworkLink link, GuardDirection direction, SafeFileHandle program)
    {
        int descriptor = Bpf.OpenPin(_pins.Link(link.Index, direction));
        if (descriptor < 0) return $"the guard's pin for {link.Name} is gone ({Errno.Text(descriptor)}): someone removed it";
        using SafeFileHandle pinned = KernelObjects.Own(descriptor);
        if (Bpf.GetLinkInfo(pinned, out Bpf.LinkInfo info) < 0 || info.InterfaceIndex != link.Index) return $"the guard of {link.Name} is detached: the interface was removed";
        Span<uint> ids = stackalloc uint[MaxProgramsOfHook];
        int count = Bpf.QueryTcx(link.Index, Type(direction), ids);
        int place = count <= 0 ? -1 : ids[..count].IndexOf(info.Id);
        return place switch
        {
            < 0 => $"the guard is not attached to {link.Name}",
            0 => null,
            _ => $"another program stands before the guard on {link.Name} and may let packets pass it: start the appliance after the software that installs it",
        };
    }

    /// <inheritdoc/>
    public void DetachOthers(IReadOnlyList<NetworkLink> keep)
    {
        var wanted = new HashSet<string>(StringComparer.Ordinal);
        foreach (NetworkLink link in keep)
        {
            wanted.Add(_pins.Link(link.Index, GuardDirection.Ingress));
            wanted.Add(_pins.Link(link.Index, GuardDirection.Egress));
        }
        foreach (string pin in _pins.Find(_pins.LinkPrefix))
            if (!wanted.Contains(pin)) Detach(pin);
    }

    private static void Detach(string pin)
    {
        int descriptor = Bpf.OpenPin(pin);
        if (descriptor >= 0)
        {
            using SafeFileHandle link = KernelObjects.Own(descriptor);
            _ = Bpf.DetachLink(link);                                             // ENOLINK: its device is gone, and the program with it
        }
        _ = KernelObjects.Unlink(pin);
    }

    /// <summary>The pinned link if it really hangs on this interface of this namespace, first in its hook; else null.</summary>
    private static SafeFileHandle? OpenAttached(NetworkLink link, GuardDirection direction, string pin)
    {
        int descriptor = Bpf.OpenPin(pin);
        if (descriptor < 0) return null;
        SafeFileHandle pinned = KernelObjects.Own(descriptor);
        Span<uint> ids = stackalloc uint[MaxProgramsOfHook];
        if (Bpf.GetLinkInfo(pinned, out Bpf.LinkInfo info) >= 0 && Bpf.QueryTcx(link.Index, Type(direction), ids) > 0 && ids[0] == info.Id) return pinned;
        pinned.Dispose();
        return null;
    }

    private static int Type(GuardDirection direction) => direction == GuardDirection.Ingress ? Bpf.TcxIngress : Bpf.TcxEgress;
}
