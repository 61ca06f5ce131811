using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using Appliance.Cluster.Addresses;
using Appliance.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Guard;

/// <summary>Direct-action filters of a clsact discipline by rtnetlink (net/sched/sch_ingress.c, cls_bpf.c): for kernels before TCX. The link's queue itself is untouched.</summary>
internal sealed class ClsactHook : IGuardHook
{
    private const ushort NewDiscipline = 36, DeleteDiscipline = 37, GetDiscipline = 38, NewFilter = 44, DeleteFilter = 45, GetFilter = 46;
    private const ushort AttributeKind = 1, AttributeOptions = 2, BpfDescriptor = 6, BpfName = 7, BpfFlags = 8, BpfId = 11;
    private const uint DirectAction = 1;
    private const uint Parent = 0xfffffff1, IngressBlock = 0xfffffff2, EgressBlock = 0xfffffff3, DisciplineHandle = 0xffff0000;
    private const int MessageBytes = 20;                                          // struct tcmsg

    /// <summary>The first preference there is, so that no other filter decides before.</summary>
    private const uint Preference = 1;

    /// <summary>Tells our filter from others of the same preference ("APL").</summary>
    private const uint Handle = 0x41504c;

    private readonly GuardPins _pins;
    private readonly RouteSocket _socket;

    internal ClsactHook(GuardPins pins, RouteSocket socket)
    {
        _pins = pins;
        _socket = socket;
    }

    /// <inheritdoc/>
    public void Attach(NetworkLink link, GuardDirection direction, SafeFileHandle program)
    {
        MakeDiscipline(link, program);
        Span<byte> request = stackalloc byte[256];
        var writer = new NetlinkWriter(request);
        Begin(ref writer, NewFilter, NetlinkWriter.Acknowledge | NetlinkWriter.Create | NetlinkWriter.Replace, link.Index, Block(direction));
        writer.Attribute(AttributeKind, "bpf");
        int options = writer.BeginNested(AttributeOptions);
        writer.Attribute(BpfDescriptor, (uint)program.DangerousGetHandle());
        writer.Attribute(BpfName, "appliance-guard");
        writer.Attribute(BpfFlags, DirectAction);
        writer.EndNested(options);
        writer.End();
        int error = _socket.Transact(request[..writer.Length]);
        if (error != 0) throw Refused($"attach the guard to {link.Name} as a clsact filter of preference {Preference}", error);
    }

    /// <inheritdoc/>
    public string? Verify(NetworkLink link, GuardDirection direction, SafeFileHandle program)
    {
        int programId = Bpf.GetProgramId(program);
        List<Filter> filters = List(link.Index, direction);
        if (!filters.Contains(new Filter(Preference, Handle, (uint)programId))) return $"the guard's filter on {link.Name} is gone: someone removed it";
        return filters[0].Handle == Handle || filters[0].Preference > Preference ? null : $"another filter stands before the guard on {link.Name} and may let packets pass it: give it a preference above {Preference}";
    }

    /// <inheritdoc/>
    public void DetachOthers(IReadOnlyList<NetworkLink> keep)
    {
        foreach (int index in InterfacesWithDiscipline())
        {
            if (keep.Any(link => link.Index == index)) continue;
            Delete(index, GuardDirection.Ingress);
            Delete(index, GuardDirection.Egress);
            string made = _pins.Made(index);
            if (!File.Exists(made)) continue;
            if (List(index, GuardDirection.Ingress).Count == 0 && List(index, GuardDirection.Egress).Count == 0) DeleteClsact(index);
            _ = KernelObjects.Unlink(made);
        }
    }

    private void MakeDiscipline(NetworkLink link, SafeFileHandle marker)
    {
        Span<byte> request = stackalloc byte[128];
        var writer = new NetlinkWriter(request);
        BeginDiscipline(ref writer, NewDiscipline, NetlinkWriter.Acknowledge | NetlinkWriter.Create | NetlinkWriter.Exclusive, link.Index);
        int error = _socket.Transact(request[..writer.Length]);
        if (error == 0) GuardPins.Pin(marker, _pins.Made(link.Index));
        else if (error != Errno.Exists) throw Refused($"make a clsact discipline on {link.Name}", error);
    }

    private void DeleteClsact(int interfaceIndex)
    {
        Span<byte> request = stackalloc byte[128];
        var writer = new NetlinkWriter(request);
        BeginDiscipline(ref writer, DeleteDiscipline, NetlinkWriter.Acknowledge, interfaceIndex);
        int error = _socket.Transact(request[..writer.Length]);
        if (error is not 0 and not Errno.NoEntry and not Errno.NoDevice) throw Refused("remove the guard's clsact discipline", error);
    }

    private void Delete(int interfaceIndex, GuardDirection direction)
    {
        if (!List(interfaceIndex, direction).Exists(static filter => filter is { Preference: Preference, Handle: Handle })) return;
        Span<byte> request = stackalloc byte[128];
        var writer = new NetlinkWriter(request);
        Begin(ref writer, DeleteFilter, NetlinkWriter.Acknowledge, interfaceIndex, Block(direction));
        writer.Attribute(AttributeKind, "bpf");
        writer.End();
        int error = _socket.Transact(request[..writer.Length]);
        if (error is not 0 and not Errno.NoEntry and not Errno.NoDevice) throw Refused("remove the guard's filter", error);
    }

    /// <summary>The filters of a hook in the order in which they run.</summary>
    private List<Filter> List(int interfaceIndex, GuardDirection direction)
    {
        var filters = new List<Filter>();
        Span<byte> request = stackalloc byte[64];
        var writer = new NetlinkWriter(request);
        writer.Begin(GetFilter, NetlinkWriter.Dump);
        PutMessage(ref writer, interfaceIndex, 0, Block(direction), 0);
        writer.End();
        int error = _socket.Query(request[..writer.Length], (type, body) =>
        {
            if (type != NewFilter || body.Length < MessageBytes) return;
            uint handle = MemoryMarshal.Read<uint>(body[8..]), preference = MemoryMarshal.Read<uint>(body[16..]) >> 16;
            if (handle != 0) filters.Add(new Filter(preference, handle, ProgramId(body[MessageBytes..])));
        });
        return error is 0 or Errno.NoDevice or Errno.Invalid or Errno.NoEntry ? filters : throw Refused("list the filters of an interface", error);
    }

    private List<int> InterfacesWithDiscipline()
    {
        var indexes = new List<int>();
        Span<byte> request = stackalloc byte[64];
        var writer = new NetlinkWriter(request);
        writer.Begin(GetDiscipline, NetlinkWriter.Dump);
        PutMessage(ref writer, 0, 0, 0, 0);
        writer.End();
        int error = _socket.Query(request[..writer.Length], (type, body) =>
        {
            if (type == NewDiscipline && body.Length >= MessageBytes && MemoryMarshal.Read<uint>(body[12..]) == Parent) indexes.Add(MemoryMarshal.Read<int>(body[4..]));
        });
        return error == 0 ? indexes : throw Refused("list the queueing disciplines", error);
    }

    private static uint ProgramId(ReadOnlySpan<byte> body)
    {
        var attributes = new NetlinkAttributes(body);
        while (attributes.MoveNext())
        {
            if (attributes.Type != AttributeOptions) continue;
            var options = new NetlinkAttributes(attributes.Value);
            while (options.MoveNext())
                if (options.Type == BpfId) return options.UInt32;
        }
        return 0;
    }

    private static void Begin(ref NetlinkWriter writer, ushort type, ushort flags, int interfaceIndex, uint parent)
    {
        const uint everyProtocol = 0x0003;
        writer.Begin(type, flags);
        PutMessage(ref writer, interfaceIndex, Handle, parent, Preference << 16 | BinaryPrimitives.ReverseEndianness((ushort)everyProtocol));
    }

    private static void BeginDiscipline(ref NetlinkWriter writer, ushort type, ushort flags, int interfaceIndex)
    {
        writer.Begin(type, flags);
        PutMessage(ref writer, interfaceIndex, DisciplineHandle, Parent, 0);
        writer.Attribute(AttributeKind, "clsact");
        writer.End();
    }

    /// <summary>struct tcmsg (uapi/linux/rtnetlink.h): family, padding, interface, handle, parent, information.</summary>
    private static void PutMessage(ref NetlinkWriter writer, int interfaceIndex, uint handle, uint parent, uint information)
    {
        writer.Put(0u);
        writer.Put(interfaceIndex);
        writer.Put(handle);
        writer.Put(parent);
        writer.Put(information);
    }

    private static uint Block(GuardDirection direction) => direction == GuardDirection.Ingress ? IngressBlock : EgressBlock;

    private GuardException Refused(string doing, int errno)
    {
        if (errno is Errno.NotPermitted or Errno.AccessDenied) return GuardException.FromBpf(doing, -errno);
        string explanation = _socket.Explanation.Length == 0 ? Errno.Text(errno) : $"{Errno.Text(errno)} ({_socket.Explanation})";
        return errno is Errno.NoEntry or Errno.NotSupported
            ? new(GuardFault.KernelTooOld, $"cannot {doing}: {explanation}; the kernel needs CONFIG_NET_CLS_ACT, CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF")
            : new(GuardFault.Refused, string.Create(CultureInfo.InvariantCulture, $"cannot {doing}: {explanation}"));
    }

    private readonly record struct Filter(uint Preference, uint Handle, uint ProgramId);
}
