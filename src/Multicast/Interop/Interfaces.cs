using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Appliance.Multicast.Interop;

/// <summary>Network interfaces of the calling thread's network namespace: getifaddrs(3) and netdevice(7).</summary>
/// <remarks>Not the framework's NetworkInterface: that reads /sys, which shows the namespace it was mounted in, not the thread's.</remarks>
internal static unsafe partial class Interfaces
{
    internal const uint Up = 0x1, Loopback = 0x8, Running = 0x40, Multicast = 0x1000, LowerUp = 0x10000;
    private const int GetFlags = 0x8913, GetMtu = 0x8921, RequestBytes = 40, NameBytes = 16;
    private const int FamilyVersion4 = 2, FamilyVersion6 = 10;

    /// <summary>One address of one interface.</summary>
    internal readonly record struct Entry(string Name, uint Flags, IPAddress Address);

    /// <summary>Every IPv4 and IPv6 address of every interface.</summary>
    internal static List<Entry> ListAddresses()
    {
        List<Entry> entries = [];
        AddressNode* first;
        if (getifaddrs(&first) != 0) return entries;
        for (AddressNode* node = first; node != null; node = node->Next)
        {
            if (node->Address == null) continue;
            int family = *(ushort*)node->Address;
            string name = Marshal.PtrToStringAnsi((nint)node->Name) ?? "";
            if (family == FamilyVersion4) entries.Add(new Entry(name, node->Flags, new IPAddress(new ReadOnlySpan<byte>(node->Address + 4, 4))));
            if (family == FamilyVersion6)
                entries.Add(new Entry(name, node->Flags, new IPAddress(new ReadOnlySpan<byte>(node->Address + 8, 16), *(uint*)(node->Address + 24))));
        }
        freeifaddrs(first);
        return entries;
    }

    /// <summary>The kernel's number of an interface; 0 when there is none of that name.</summary>
    internal static int IndexOf(string name) => (int)if_nametoindex(name);

    /// <summary>IFF_ flags (16 bits: no LOWER_UP); 0 when the interface is gone.</summary>
    internal static uint ReadFlags(SafeSocketHandle anySocket, string name) => (uint)Request(anySocket, GetFlags, name) & 0xFFFF;

    /// <summary>MTU in bytes; 0 when the interface is gone.</summary>
    internal static int ReadMtu(SafeSocketHandle anySocket, string name) => Request(anySocket, GetMtu, name);

    private static int Request(SafeSocketHandle socket, int request, string name)
    {
        byte* data = stackalloc byte[RequestBytes]; // struct ifreq
        new Span<byte>(data, RequestBytes).Clear();
        if (name.Length >= NameBytes) return 0;
        System.Text.Encoding.ASCII.GetBytes(name, new Span<byte>(data, NameBytes));
        return ioctl(socket, (nuint)request, data) == 0 ? *(int*)(data + NameBytes) : 0;
    }

    /// <summary>struct ifaddrs.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct AddressNode
    {
        public AddressNode* Next;
        public byte* Name;
        public uint Flags;
        public byte* Address;
        public byte* Netmask;
        public byte* Peer;
        public void* Data;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getifaddrs(AddressNode** first);

    [LibraryImport("libc")]
    private static partial void freeifaddrs(AddressNode* first);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint if_nametoindex(string name);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(SafeSocketHandle socket, nuint request, void* argument);
}
