using System.Runtime.InteropServices;

namespace Appliance.TcpStateMirror.Interop;

/// <summary>TCP_REPAIR: the state of a live connection read and set (net/ipv4/tcp.c, uapi/linux/tcp.h; CONFIG_CHECKPOINT_RESTORE, CAP_NET_ADMIN). Results are 0 or a value, or the negated errno.</summary>
internal static unsafe partial class TcpRepair
{
    internal const int Receiving = 1, Sending = 2;
    internal const int On = 1, Off = 0, OffWithoutProbe = -1;
    internal const byte HasTimestamps = 1, HasSack = 2;

    private const int LevelIp = 0, LevelSocket = 1, LevelTcp = 6, LevelIp6 = 41;
    private const int Stream = 1, NonBlocking = 0x800, CloseOnExec = 0x80000, NoSignal = 0x4000;
    private const int ReuseAddress = 2, SendBufferForce = 32, Transparent = 19, Transparent6 = 75, FreeBind = 15, FreeBind6 = 78, NoDelay = 1;
    private const int MaximumSegment = 2, Information = 11, Repair = 19, RepairQueue = 20, QueueSequence = 21, RepairOptions = 22, Timestamp = 24, RepairWindow = 29;
    private const int BytesUnread = 0x541B, BytesUnsent = 0x5411, Peeking = 2;

    /// <summary>struct tcp_repair_opt.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Option
    {
        internal uint Code, Value;
    }

    /// <summary>struct tcp_repair_window.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Window
    {
        internal uint UpdateSequence, Send, Largest, Receive, ReceiveUpdate;
    }

    /// <summary>The first fields of struct tcp_info.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Info
    {
        internal byte State, CongestionState, Retransmits, Probes, Backoff, Options, Scales, Flags;
    }

    internal static int Duplicate(int descriptor) => Result(dup(descriptor));

    internal static int Create(bool six) => Result(socket(six ? 10 : 2, Stream | NonBlocking | CloseOnExec, 0));

    internal static void Close(int descriptor) => close(descriptor);

    internal static int SetRepair(int descriptor, int mode) => Set(descriptor, LevelTcp, Repair, mode);

    internal static int SelectQueue(int descriptor, int queue) => Set(descriptor, LevelTcp, RepairQueue, queue);

    internal static int SetSequence(int descriptor, uint sequence) => Set(descriptor, LevelTcp, QueueSequence, (int)sequence);

    internal static int GetSequence(int descriptor, out uint sequence) => Get(descriptor, QueueSequence, out sequence);

    internal static int GetTimestamp(int descriptor, out uint value) => Get(descriptor, Timestamp, out value);

    internal static int SetTimestamp(int descriptor, uint value) => Set(descriptor, LevelTcp, Timestamp, (int)value);

    internal static int GetSegmentSize(int descriptor, out uint bytes) => Get(descriptor, MaximumSegment, out bytes);

    internal static int GetInfo(int descriptor, out Info info)
    {
        Info value = default;
        uint length = (uint)sizeof(Info);
        int error = Result(getsockopt(descriptor, LevelTcp, Information, &value, &length));
        info = value;
        return error;
    }

    /// <summary>Bytes received and not read.</summary>
    internal static int Unread(int descriptor)
    {
        int bytes = 0;
        int error = Result(ioctl(descriptor, BytesUnread, &bytes));
        return error < 0 ? error : bytes;
    }

    /// <summary>Bytes written and not acknowledged; an unacknowledged FIN counts one.</summary>
    internal static int Unacknowledged(int descriptor)
    {
        int bytes = 0;
        int error = Result(ioctl(descriptor, BytesUnsent, &bytes));
        return error < 0 ? error : bytes;
    }

    internal static int Peek(int descriptor, Span<byte> buffer)
    {
        fixed (byte* bytes = buffer) return Result((int)recv(descriptor, bytes, buffer.Length, Peeking));
    }

    internal static int Send(int descriptor, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* bytes = buffer) return Result((int)send(descriptor, bytes, buffer.Length, NoSignal));
    }

    internal static int SetReuseAddress(int descriptor) => Set(descriptor, LevelSocket, ReuseAddress, 1);

    /// <summary>The address need not be there yet, nor when the connection is made.</summary>
    internal static int SetTransparent(int descriptor, bool six)
    {
        int error = six ? Set(descriptor, LevelIp6, Transparent6, 1) : Set(descriptor, LevelIp, Transparent, 1);
        if (error == 0) error = six ? Set(descriptor, LevelIp6, FreeBind6, 1) : Set(descriptor, LevelIp, FreeBind, 1);
        return error;
    }

    internal static int SetNoDelay(int descriptor) => Set(descriptor, LevelTcp, NoDelay, 1);

    internal static int SetSendBuffer(int descriptor, int bytes) => Set(descriptor, LevelSocket, SendBufferForce, bytes);

    internal static int GetAddresses(int descriptor, Span<byte> local, Span<byte> remote)
    {
        fixed (byte* here = local, there = remote)
        {
            uint length = (uint)local.Length;
            int error = Result(getsockname(descriptor, here, &length));
            length = (uint)remote.Length;
            return error < 0 ? error : Result(getpeername(descriptor, there, &length));
        }
    }

    internal static int Bind(int descriptor, ReadOnlySpan<byte> address)
    {
        fixed (byte* bytes = address) return Result(bind(descriptor, bytes, (uint)address.Length));
    }

    internal static int Connect(int descriptor, ReadOnlySpan<byte> address)
    {
        fixed (byte* bytes = address) return Result(connect(descriptor, bytes, (uint)address.Length));
    }

    internal static int SetOptions(int descriptor, ReadOnlySpan<Option> options)
    {
        fixed (Option* first = options) return Result(setsockopt(descriptor, LevelTcp, RepairOptions, first, (uint)(options.Length * sizeof(Option))));
    }

    internal static int GetWindow(int descriptor, out Window window)
    {
        Window value = default;
        uint length = (uint)sizeof(Window);
        int error = Result(getsockopt(descriptor, LevelTcp, RepairWindow, &value, &length));
        window = value;
        return error;
    }

    internal static int SetWindow(int descriptor, Window window) => Result(setsockopt(descriptor, LevelTcp, RepairWindow, &window, (uint)sizeof(Window)));

    private static int Set(int descriptor, int level, int option, int value) => Result(setsockopt(descriptor, level, option, &value, sizeof(int)));

    private static int Get(int descriptor, int option, out uint value)
    {
        uint result = 0, length = sizeof(uint);
        int error = Result(getsockopt(descriptor, LevelTcp, option, &result, &length));
        value = result;
        return error;
    }

    private static int Result(int result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup(int descriptor);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int descriptor, int level, int option, void* value, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(int descriptor, int level, int option, void* value, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int descriptor, nuint request, void* value);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int descriptor, void* buffer, nint bytes, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int descriptor, void* buffer, nint bytes, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int descriptor, void* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(int descriptor, void* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockname(int descriptor, void* address, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getpeername(int descriptor, void* address, uint* length);
}
