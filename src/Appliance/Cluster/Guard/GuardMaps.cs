using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Appliance.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Guard;

/// <summary>The guard's two maps, and the page of deadlines mapped into this process.</summary>
/// <remarks>
/// <code>
///  addresses  hash   16 B address (IPv4 as ::ffff:a.b.c.d)  ->  u32 slot
///  services   array  u32 slot  ->  64 B cell: deadline u64 | dropped arriving u64 | dropped leaving u64 | refusals withheld u64 | unused
/// </code>
/// A cell is a cache line, the array one page. A deadline of 0 has passed since boot: closed.
/// </remarks>
internal sealed unsafe class GuardMaps : IDisposable
{
    internal const int MaxServices = 64, MaxAddresses = 1024;
    internal const short DeadlineOffset = 0, DroppedIngressOffset = 8, DroppedEgressOffset = 16, WithheldOffset = 24;
    private const int CellBytes = 64;
    private const int PageBytes = MaxServices * CellBytes;
    private byte* _cells;

    private GuardMaps(SafeFileHandle addresses, SafeFileHandle services, byte* cells)
    {
        Addresses = addresses;
        Services = services;
        _cells = cells;
    }

    internal SafeFileHandle Addresses { get; }

    internal SafeFileHandle Services { get; }

    /// <summary>New maps, every service closed.</summary>
    internal static GuardMaps Create()
    {
        SafeFileHandle addresses = Checked("make the guard's address map", Bpf.CreateMap("appl_addresses", Bpf.MapTypeHash, GuardProgram.KeyBytes, sizeof(uint), MaxAddresses, 0));
        SafeFileHandle services = Checked("make the guard's deadline map (BPF_F_MMAPABLE, Linux 5.5)", Bpf.CreateMap("appl_services", Bpf.MapTypeArray, sizeof(uint), CellBytes, MaxServices, Bpf.MapMmapable));
        return Open(addresses, services);
    }

    /// <summary>The maps that an earlier process pinned, or null when there are none of this layout.</summary>
    internal static GuardMaps? TryOpen(string addressesPath, string servicesPath)
    {
        int addresses = Bpf.OpenPin(addressesPath), services = Bpf.OpenPin(servicesPath);
        if (addresses >= 0 && services >= 0)
        {
            SafeFileHandle addressesHandle = KernelObjects.Own(addresses), servicesHandle = KernelObjects.Own(services);
            if (Matches(addressesHandle, Bpf.MapTypeHash, GuardProgram.KeyBytes, sizeof(uint), MaxAddresses, 0)
                && Matches(servicesHandle, Bpf.MapTypeArray, sizeof(uint), CellBytes, MaxServices, Bpf.MapMmapable)) return Open(addressesHandle, servicesHandle);
            addressesHandle.Dispose();
            servicesHandle.Dispose();
            return null;
        }
        if (addresses >= 0) KernelObjects.Own(addresses).Dispose();
        if (services >= 0) KernelObjects.Own(services).Dispose();
        return null;
    }

    /// <summary>Where the deadline of a service lies.</summary>
    internal ref long Deadline(int slot) => ref *(long*)(_cells + slot * CellBytes + DeadlineOffset);

    /// <summary>Packets dropped for a service since the maps were made.</summary>
    internal long Dropped(int slot, GuardDirection direction) =>
        Volatile.Read(ref *(long*)(_cells + slot * CellBytes + (direction == GuardDirection.Ingress ? DroppedIngressOffset : DroppedEgressOffset)));

    /// <summary>Refusals of connects that were dropped for a service since the maps were made.</summary>
    internal long Withheld(int slot) => Volatile.Read(ref *(long*)(_cells + slot * CellBytes + WithheldOffset));

    /// <summary>Closes every service.</summary>
    internal void CloseAll()
    {
        for (int slot = 0; slot < MaxServices; slot++) Volatile.Write(ref Deadline(slot), 0);
    }

    /// <summary>Makes the address map hold exactly these; an address is never absent that was there before and stays.</summary>
    internal void ReplaceAddresses(IReadOnlyDictionary<IPAddress, int> slots)
    {
        Span<byte> key = stackalloc byte[GuardProgram.KeyBytes], value = stackalloc byte[sizeof(uint)], next = stackalloc byte[GuardProgram.KeyBytes];
        var stale = new List<byte[]>();
        var wanted = new HashSet<IPAddress>();
        foreach (IPAddress address in slots.Keys) wanted.Add(address.MapToIPv6());
        for (int result = Bpf.NextKey(Addresses, [], next); result >= 0; result = Bpf.NextKey(Addresses, key, next))
        {
            next.CopyTo(key);
            if (!wanted.Contains(new IPAddress(key))) stale.Add(key.ToArray());
        }
        foreach (byte[] address in stale) Check("forget a guarded address", Bpf.DeleteElement(Addresses, address));
        foreach ((IPAddress address, int slot) in slots)
        {
            WriteKey(address, key);
            BinaryPrimitives.WriteUInt32LittleEndian(value, (uint)slot);
            Check($"guard {address}", Bpf.UpdateElement(Addresses, key, value));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_cells is null) return;
        KernelObjects.Unmap(_cells, PageBytes);
        _cells = null;
        Addresses.Dispose();
        Services.Dispose();
    }

    private static GuardMaps Open(SafeFileHandle addresses, SafeFileHandle services)
    {
        byte* cells = KernelObjects.Map(services, PageBytes, out int errno);
        return cells is not null ? new GuardMaps(addresses, services, cells) : throw GuardException.FromBpf("map the guard's deadlines into the process", -errno);
    }

    private static bool Matches(SafeFileHandle map, int type, int keyBytes, int valueBytes, int maxEntries, uint flags) =>
        Bpf.GetMapInfo(map, out Bpf.MapInfo info) >= 0 && info.Type == type && info.KeyBytes == keyBytes && info.ValueBytes == valueBytes && info.MaxEntries == maxEntries && info.Flags == flags;

    private static void WriteKey(IPAddress address, Span<byte> key)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork) address = address.MapToIPv6();
        address.TryWriteBytes(key, out _);
    }

    private static SafeFileHandle Checked(string doing, int result)
    {
        Check(doing, result);
        return KernelObjects.Own(result);
    }

    private static void Check(string doing, int result)
    {
        if (result < 0) throw GuardException.FromBpf(doing, result);
    }
}
