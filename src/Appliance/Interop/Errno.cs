using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>Error numbers of Linux (uapi/asm-generic/errno-base.h, errno.h) that the callers tell apart.</summary>
internal static class Errno
{
    internal const int NotPermitted = 1, NoEntry = 2, Interrupted = 4, BadDescriptor = 9, Again = 11, OutOfMemory = 12, AccessDenied = 13, Busy = 16,
        Exists = 17, NoDevice = 19, Invalid = 22, NoSpace = 28, NoSystemCall = 38, NotSupported = 95, AddressNotAvailable = 99, NetworkDown = 100,
        NoBuffers = 105;

    /// <summary>The C library's text for an error number.</summary>
    internal static string Text(int errno) => Marshal.GetPInvokeErrorMessage(Math.Abs(errno));
}
