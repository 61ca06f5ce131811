using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>TCP sockets (socket(7), ip(7), tcp(7)). Every call answers a value, or minus the errno.</summary>
internal static unsafe partial class Sockets
{
    /// <summary>Errno values that callers tell apart.</summary>
    internal const int TryAgain = 11, Interrupted = 4, NoMemory = 12, NoFileTable = 23, TooManyFiles = 24, NoBuffers = 105, ConnectionAborted = 103, AddressInUse = 98, AccessDenied = 13,
        InProgress = 115, ConnectionReset = 104, BrokenPipe = 32, TimedOut = 110;

    /// <summary>Address families.</summary>
    internal const ushort Inet = 2, Inet6 = 10;

    private const int Stream = 1, NonBlocking = 0x800, CloseOnExec = 0x80000, NoSignal = 0x4000;
    private const int LevelIp = 0, LevelSocket = 1, LevelTcp = 6, LevelIp6 = 41;
    private const int ReuseAddress = 2, KeepAlive = 9, FreeBind = 15, NoDelay = 1, KeepIdle = 4, KeepInterval = 5, KeepCount = 6, Only6 = 26, FreeBind6 = 78;
    private const int SendBufferForce = 32, ReceiveBufferForce = 33, BindNoPort = 24, LocalPortRange = 51;
    private const int PendingError = 4, Linger = 13, ShutdownWrite = 1, Peeking = 2;

    /// <summary>A non-blocking TCP socket.</summary>
    internal static int Create(ushort family) => Result(socket(family, Stream | NonBlocking | CloseOnExec, 0));

    /// <summary>Binds again at once after a restart, to an address that need not exist yet: a secondary listens before it owns the address.</summary>
    internal static int PrepareToListen(int descriptor, ushort family)
    {
        int error = Set(descriptor, LevelSocket, ReuseAddress, 1);
        if (error == 0) error = family == Inet ? Set(descriptor, LevelIp, FreeBind, 1) : Set(descriptor, LevelIp6, FreeBind6, 1);
        if (error == 0 && family == Inet6) error = Set(descriptor, LevelIp6, Only6, 1);
        return error;
    }

    /// <summary>
    /// Small replies leave at once; a peer that has vanished is found after some five minutes (the values of Redis). What a listening socket accepts inherits it
    /// (linux/net/ipv4/tcp_minisocks.c clones the listener): five calls fewer per connection.
    /// </summary>
    internal static int PrepareConnection(int descriptor)
    {
        int error = Set(descriptor, LevelTcp, NoDelay, 1);
        if (error == 0) error = Set(descriptor, LevelSocket, KeepAlive, 1);
        if (error == 0) error = Set(descriptor, LevelTcp, KeepIdle, 300);
        if (error == 0) error = Set(descriptor, LevelTcp, KeepInterval, 100);
        return error == 0 ? Set(descriptor, LevelTcp, KeepCount, 3) : error;
    }

    /// <summary>Limits what the kernel keeps for a connection that survives its node: all of it must be sent again after a takeover. 512 KiB each way, of which the kernel makes twice.</summary>
    internal static void CapBuffers(int descriptor)
    {
        const int bytes = 512 << 10;
        _ = Set(descriptor, LevelSocket, SendBufferForce, bytes); // a connection already reset refuses options; reading it tells
        _ = Set(descriptor, LevelSocket, ReceiveBufferForce, bytes);
    }

    /// <summary>Gives a connecting socket its source address, which need not be there, and the range of its port (IP_LOCAL_PORT_RANGE, Linux 6.3; older kernels choose from all).</summary>
    internal static int BindSource(int descriptor, in SocketAddressBytes source, int firstPort, int lastPort)
    {
        int error = Set(descriptor, LevelIp, BindNoPort, 1);
        if (error == 0) error = source.Family == Inet ? Set(descriptor, LevelIp, FreeBind, 1) : Set(descriptor, LevelIp6, FreeBind6, 1);
        if (error == 0) _ = Set(descriptor, LevelIp, LocalPortRange, lastPort << 16 | firstPort);
        return error == 0 ? Bind(descriptor, source) : error;
    }

    /// <summary>A second descriptor of the same socket.</summary>
    internal static int Duplicate(int descriptor) => Result(dup(descriptor));

    internal static int Bind(int descriptor, in SocketAddressBytes address)
    {
        fixed (byte* bytes = address.Bytes) return Result(bind(descriptor, bytes, address.Length));
    }

    internal static int Listen(int descriptor, int backlog) => Result(listen(descriptor, backlog));

    /// <summary>Accepts one connection, non-blocking. <see cref="TryAgain"/> when there is none.</summary>
    internal static int Accept(int descriptor, out SocketAddressBytes peer)
    {
        SocketAddressBytes address = default;
        int length = SocketAddressBytes.Capacity;
        int result = Result(accept4(descriptor, (byte*)&address.Storage, &length, NonBlocking | CloseOnExec));
        peer = address;
        return result;
    }

    /// <summary>The address that a socket is bound to.</summary>
    internal static int GetName(int descriptor, out SocketAddressBytes local)
    {
        SocketAddressBytes address = default;
        int length = SocketAddressBytes.Capacity;
        int result = Result(getsockname(descriptor, (byte*)&address.Storage, &length));
        local = address;
        return result;
    }

    /// <summary>Receives; 0 when the peer has ended.</summary>
    internal static int Receive(int descriptor, byte* buffer, int length) => (int)Result(recv(descriptor, buffer, length, 0));

    /// <summary>Sends; never raises SIGPIPE.</summary>
    internal static int Send(int descriptor, byte* buffer, int length) => (int)Result(send(descriptor, buffer, length, NoSignal));

    /// <summary>Reads what is there and leaves it there.</summary>
    internal static int Peek(int descriptor, byte* buffer, int length) => (int)Result(recv(descriptor, buffer, length, Peeking));

    /// <summary>Begins to connect. <see cref="InProgress"/> is the usual answer; writability tells the end, <see cref="TakeError"/> how it ended.</summary>
    internal static int Connect(int descriptor, in SocketAddressBytes address)
    {
        fixed (byte* bytes = address.Bytes) return Result(connect(descriptor, bytes, address.Length));
    }

    /// <summary>The socket's pending error, which is thereby forgotten; 0 when there is none.</summary>
    internal static int TakeError(int descriptor)
    {
        int error = 0, length = sizeof(int);
        int result = Result(getsockopt(descriptor, LevelSocket, PendingError, &error, &length));
        return result < 0 ? -result : error;
    }

    /// <summary>Sends FIN behind what was sent; receiving goes on.</summary>
    internal static int EndSending(int descriptor) => Result(shutdown(descriptor, ShutdownWrite));

    /// <summary>Closes with RST: what was not sent is thrown away, and the peer learns that the connection did not end well.</summary>
    internal static void Reset(int descriptor)
    {
        int* linger = stackalloc int[2]; // struct linger: on, zero seconds
        linger[0] = 1;
        linger[1] = 0;
        _ = setsockopt(descriptor, LevelSocket, Linger, linger, 2 * sizeof(int)); // refused only by a descriptor that is no socket
        close(descriptor);
    }

    internal static void Close(int descriptor) => close(descriptor);

    private static int Set(int descriptor, int level, int option, int value) => Result(setsockopt(descriptor, level, option, &value, sizeof(int)));

    private static int Result(int result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    private static nint Result(nint result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int descriptor, int level, int option, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int descriptor, byte* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(int descriptor, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept4(int descriptor, byte* address, int* length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockname(int descriptor, byte* address, int* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int descriptor, byte* buffer, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int descriptor, byte* buffer, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(int descriptor, byte* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(int descriptor, int level, int option, void* value, int* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int shutdown(int descriptor, int how);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup(int descriptor);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
