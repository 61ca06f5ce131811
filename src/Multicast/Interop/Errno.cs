namespace Appliance.Multicast.Interop;

/// <summary>The errno values that the transport tells apart (asm-generic/errno-base.h, errno.h).</summary>
internal static class Errno
{
    internal const int
        NotPermitted = 1, Interrupted = 4, InputOutput = 5, WouldBlock = 11, AccessDenied = 13, NoDevice = 19, Invalid = 22,
        MessageSize = 90, NoProtocolOption = 92, NotSupported = 95, AddressInUse = 98, AddressNotAvailable = 99, NetworkDown = 100,
        NetworkUnreachable = 101, NoBuffers = 105, ConnectionRefused = 111, HostDown = 112, HostUnreachable = 113;

    /// <summary>A name for messages to the operator.</summary>
    internal static string Name(int errno) => errno switch
    {
        0 => "no error",
        NotPermitted => "EPERM (not permitted)",
        InputOutput => "EIO (input/output error)",
        WouldBlock => "EAGAIN (would block)",
        AccessDenied => "EACCES (access denied)",
        NoDevice => "ENODEV (no such device)",
        Invalid => "EINVAL (invalid argument)",
        MessageSize => "EMSGSIZE (longer than the MTU)",
        NoProtocolOption => "ENOPROTOOPT (option unknown to this kernel)",
        NotSupported => "EOPNOTSUPP (not supported)",
        AddressInUse => "EADDRINUSE (address in use)",
        AddressNotAvailable => "EADDRNOTAVAIL (no such address on this host)",
        NetworkDown => "ENETDOWN (network is down)",
        NetworkUnreachable => "ENETUNREACH (no route)",
        NoBuffers => "ENOBUFS (no buffer space)",
        HostUnreachable => "EHOSTUNREACH (host unreachable)",
        _ => $"errno {errno}",
    };
}
