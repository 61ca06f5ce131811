using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Tests.Appliance.Cluster.Interop;

/// <summary>System calls that only tests make.</summary>
internal static unsafe partial class TestKernel
{
    internal const int Kill = 9, Stop = 19, Continue = 18;
    private const int NewNetwork = 0x40000000;

    /// <summary>Moves the calling thread into a named network namespace.</summary>
    internal static void Enter(string networkNamespace)
    {
        using SafeFileHandle file = File.OpenHandle($"/run/netns/{networkNamespace}");
        if (setns((int)file.DangerousGetHandle(), NewNetwork) != 0) throw new InvalidOperationException($"cannot enter {networkNamespace}: errno {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Sends a signal.</summary>
    internal static void Signal(int process, int signal)
    {
        if (kill(process, signal) != 0) throw new InvalidOperationException($"signal {signal} to {process}: errno {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Stops one thread of another process (PTRACE_SEIZE, PTRACE_INTERRUPT). The calling thread is its tracer.</summary>
    internal static void Trace(int thread)
    {
        const int seize = 0x4206, interrupt = 0x4207;
        foreach (int request in new[] { seize, interrupt })
            if (ptrace(request, thread, 0, 0) != 0) throw new InvalidOperationException($"ptrace {request:x} of {thread}: errno {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Lets it go on (PTRACE_DETACH).</summary>
    internal static void Untrace(int thread)
    {
        if (ptrace(17, thread, 0, 0) != 0) throw new InvalidOperationException($"ptrace detach of {thread}: errno {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>BPF_PROG_TEST_RUN (net/bpf/test_run.c): what a program says to a frame.</summary>
    internal static int Verdict(SafeFileHandle program, ReadOnlySpan<byte> frame)
    {
        fixed (byte* bytes = frame)
        {
            var attributes = new TestRunAttributes { Program = (uint)program.DangerousGetHandle(), InputBytes = (uint)frame.Length, Input = bytes };
            nint number = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 321 : 280;
            return syscall(number, 10, &attributes, (uint)sizeof(TestRunAttributes)) == 0
                ? (int)attributes.Verdict
                : throw new InvalidOperationException($"BPF_PROG_TEST_RUN: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TestRunAttributes
    {
        internal uint Program, Verdict, InputBytes, OutputBytes;
        internal void* Input;
        internal void* Output;
        internal uint Repeat, Duration, ContextInputBytes, ContextOutputBytes;
        internal void* ContextInput;
        internal void* ContextOutput;
        internal uint Flags, Cpu;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int descriptor, int kind);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint ptrace(nint request, nint thread, nint address, nint data);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int process, int signal);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, int command, void* attributes, uint bytes);
}
