using Appliance.Tests.Appliance.Cluster.Interop;

namespace Appliance.Tests.Host;

/// <summary>One thread of another process, stopped by ptrace(2) until disposed; the other threads go on.</summary>
internal sealed class StoppedThread : IDisposable
{
    private readonly ManualResetEventSlim _release = new();
    private readonly Thread _tracer;
    private Exception? _failure;

    /// <param name="process">The process.</param>
    /// <param name="name">The thread's name.</param>
    internal StoppedThread(int process, string name)
    {
        string task = Directory.EnumerateDirectories($"/proc/{process}/task").Single(task => File.ReadAllText(task + "/comm").Trim() == name);
        using var stopped = new ManualResetEventSlim();
        // A tracer is a thread: the one that attached must also detach.
        _tracer = new Thread(() =>
        {
            try
            {
                int thread = int.Parse(Path.GetFileName(task));
                TestKernel.Trace(thread);
                Assert.True(SpinWait.SpinUntil(() => File.ReadAllText(task + "/stat").Contains(") t ", StringComparison.Ordinal), TimeSpan.FromSeconds(10)));
                stopped.Set();
                _release.Wait();
                TestKernel.Untrace(thread);
            }
            catch (Exception failure)
            {
                _failure = failure;
                stopped.Set();
            }
        });
        _tracer.Start();
        stopped.Wait();
        if (_failure is not null) throw new InvalidOperationException($"thread '{name}' was not stopped", _failure);
    }

    public void Dispose()
    {
        _release.Set();
        _tracer.Join();
        _release.Dispose();
        Assert.Null(_failure);
    }
}
