using System.Diagnostics;
using Appliance.Tests.Appliance.Cluster.Interop;

namespace Appliance.Tests.Appliance.Cluster.Namespaces;

/// <summary>A network namespace that the test makes and removes.</summary>
internal sealed class TestNamespace : IDisposable
{
    private static int _count;

    internal TestNamespace()
    {
        Name = $"appl-g{Environment.ProcessId}-{Interlocked.Increment(ref _count)}";
        Command("ip", "netns", "add", Name);
        Ip("link set lo up");
    }

    internal string Name { get; }

    /// <summary>Runs a function on a thread of its own inside; sockets that it opens stay inside for good.</summary>
    internal T Run<T>(Func<T> function)
    {
        T result = default!;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                TestKernel.Enter(Name);
                result = function();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        return result;
    }

    internal void Run(Action action) => Run(() =>
    {
        action();
        return 0;
    });

    /// <summary>ip(8) inside, for what the product itself does not do.</summary>
    internal string Ip(string arguments) => Command("ip", ["-n", Name, .. arguments.Split(' ')]);

    /// <inheritdoc/>
    public void Dispose() => Command("ip", "netns", "del", Name);

    internal static string Command(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string errors = process.StandardError.ReadToEnd(), output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {errors}");
    }
}
