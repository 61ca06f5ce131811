using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Tests.Shared.Laboratories;

/// <summary>Runs code inside a network namespace: a thread of its own enters it, and the sockets it opens stay there for good (setns(2)).</summary>
internal static partial class NetworkNamespace
{
    private const int CloneNewNet = 0x40000000;

    /// <summary>Runs a function in a named namespace and returns its result.</summary>
    public static T Run<T>(string name, Func<T> function)
    {
        T result = default!;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using (SafeFileHandle file = File.OpenHandle(Path.Combine("/run/netns", name)))
                {
                    if (setns(file, CloneNewNet) != 0)
                        throw new InvalidOperationException($"cannot enter network namespace {name}: errno {Marshal.GetLastPInvokeError()}");
                }
                result = function();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? result : throw new InvalidOperationException($"in namespace {name}: {failure.Message}", failure);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(SafeFileHandle descriptor, int type);
}
