using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Appliance.TcpStateMirror.Capture.Filter;
using Microsoft.Win32.SafeHandles;

namespace Appliance.TcpStateMirror.Interop;

/// <summary>AF_PACKET sockets (packet(7), net/packet/af_packet.c): what rings and single frames have in common. Results are 0 or the errno.</summary>
internal static unsafe partial class PacketSocket
{
    /// <summary>Socket types: whole frames with their link header (SOCK_RAW), frames from their IP header on (SOCK_DGRAM); and a flag.</summary>
    internal const int Frames = KernelSocket.Raw, Cooked = 2, NonBlocking = KernelSocket.NonBlocking;

    /// <summary>ETH_P_ALL: whatever comes.</summary>
    internal const ushort EveryProtocol = 3;

    private const int LevelSocket = 1, AttachFilterOption = 26;
    private const short PollIn = 1;

    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        internal ushort Length;
        internal BpfInstruction* Instructions;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LinkLayerAddress
    {
        internal ushort Family, Protocol;
        internal int InterfaceIndex;
        internal ushort HardwareType;
        internal byte PacketType, AddressLength;
        internal ulong Address;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        internal int Descriptor;
        internal short Events, Returned;
    }

    /// <summary>Opens a socket that receives nothing yet. EPERM: CAP_NET_RAW is missing.</summary>
    internal static int Open(int type, out SafeFileHandle socket) =>
        -KernelSocket.Open(KernelSocket.Packet, type, 0, out socket); // protocol 0 receives nothing: no frame slips in before the filter is there

    /// <summary>Attaches a filter: frames for which it returns 0 are not received.</summary>
    internal static int Attach(SafeFileHandle socket, ReadOnlySpan<BpfInstruction> filter)
    {
        fixed (BpfInstruction* instructions = filter)
        {
            var program = new FilterProgram { Length = (ushort)filter.Length, Instructions = instructions };
            return Set(socket, LevelSocket, AttachFilterOption, &program, sizeof(FilterProgram));
        }
    }

    /// <summary>Receives from now on. ENODEV, ENETDOWN: the card is gone or down.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="card">Index of a card; 0 for all.</param>
    /// <param name="protocol">EtherType; 0 to receive nothing, and send alone.</param>
    internal static int Bind(SafeFileHandle socket, int card, ushort protocol)
    {
        var address = new LinkLayerAddress { Family = KernelSocket.Packet, Protocol = BinaryPrimitives.ReverseEndianness(protocol), InterfaceIndex = card };
        return bind((int)socket.DangerousGetHandle(), &address, sizeof(LinkLayerAddress)) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Waits until one of the sockets has a frame, or the time is over.</summary>
    /// <returns>0 also when the time is over; the errno otherwise (EINTR: a signal came).</returns>
    internal static int Wait(int milliseconds, params ReadOnlySpan<SafeFileHandle> sockets)
    {
        PollDescriptor* descriptors = stackalloc PollDescriptor[sockets.Length];
        for (int i = 0; i < sockets.Length; i++) descriptors[i] = new PollDescriptor { Descriptor = (int)sockets[i].DangerousGetHandle(), Events = PollIn };
        return poll(descriptors, (nuint)sockets.Length, milliseconds) >= 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>setsockopt(2).</summary>
    internal static int Set(SafeFileHandle socket, int level, int option, void* value, int length) => -KernelSocket.Set(socket, level, option, value, length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int descriptor, void* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(PollDescriptor* descriptors, nuint count, int milliseconds);
}
