using System.Collections.Concurrent;
using System.Diagnostics;
using Appliance.Tests.Multicast.Interop;

namespace Appliance.Tests.Multicast.Transport;

/// <summary>A network namespace that lives as long as its thread; what runs in it opens its sockets there. Needs root.</summary>
internal sealed class NetworkNamespace : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;
    private int _threadNumber;

    internal NetworkNamespace()
    {
        using var ready = new ManualResetEventSlim();
        _thread = new Thread(() =>
        {
            NetworkNamespaces.Unshare();
            _threadNumber = NetworkNamespaces.ThreadNumber();
            ready.Set();
            foreach (Action action in _work.GetConsumingEnumerable()) action();
        })
        { Name = "network namespace", IsBackground = true };
        _thread.Start();
        ready.Wait();
        Command("ip link set lo up");
    }

    /// <summary>A name by which <c>ip link set ... netns</c> finds it.</summary>
    internal string Path => $"/proc/{Environment.ProcessId}/task/{_threadNumber}/ns/net";

    /// <summary>Runs something inside and hands its result or exception out.</summary>
    internal T Run<T>(Func<T> inside)
    {
        T result = default!;
        Exception? failure = null;
        using var done = new ManualResetEventSlim();
        _work.Add(() =>
        {
            failure = Record.Exception(() => { result = inside(); });
            done.Set();
        });
        done.Wait();
        return failure is null ? result : throw failure;
    }

    /// <summary>Runs a command line inside; fails the test when it fails.</summary>
    internal string Command(string line) => Run(() =>
    {
        string[] words = line.Split(' ', 2);
        using Process process = Process.Start(new ProcessStartInfo(words[0], words[1]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{line}: {errors}");
    });

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }
}
