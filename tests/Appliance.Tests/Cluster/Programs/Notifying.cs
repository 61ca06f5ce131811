using Appliance.Cluster.Programs;
using Appliance.Tests.Shared;
using Microsoft.Extensions.Logging.Abstractions;

namespace Appliance.Tests.Cluster.Programs;

public sealed class Notifying : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public Notifying() => File.SetUnixFileMode(_directory.Path, (UnixFileMode)511);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Tells_role_service_and_term_in_the_order_of_the_changes()
    {
        NotifyHook hook = Hook("""echo "$1 $2 $3 $APPLIANCE_ROLE $APPLIANCE_SERVICE $APPLIANCE_TERM" >> "$(dirname "$0")/told" """);
        await using (var hooks = new NotifyHooks(new ProgramRunner("nobody"), NullLogger.Instance))
        {
            hooks.Notify(hook, "shop", "secondary", 6);
            hooks.Notify(hook, "shop", "primary", 7);
        }

        Assert.Equal(["secondary shop 6 secondary shop 6", "primary shop 7 primary shop 7"], File.ReadAllLines(_directory.File("told")));
    }

    [Fact]
    public async Task Counts_a_program_that_fails()
    {
        var hooks = new NotifyHooks(new ProgramRunner("nobody"), NullLogger.Instance);
        hooks.Notify(Hook("exit 4"), "shop", "primary", 1);

        await hooks.DisposeAsync();

        Assert.Equal(1, hooks.Failed);
    }

    [Fact]
    public async Task Drops_the_oldest_when_too_many_wait_and_never_holds_up_the_caller()
    {
        NotifyHook hook = Hook("""read -r _ < "$(dirname "$0")/gate"; echo "$3" >> "$(dirname "$0")/told" """);
        Assert.Equal(0, System.Diagnostics.Process.Start("mkfifo", ["-m", "666", _directory.File("gate")]) is { } made && made.WaitForExit(10_000) ? made.ExitCode : -1);
        var hooks = new NotifyHooks(new ProgramRunner("nobody"), NullLogger.Instance);
        const int notifications = 10 + NotifyHooks.Capacity;

        for (ulong term = 0; term < notifications; term++) hooks.Notify(hook, "shop", "primary", term);

        // The first may be running already; of the others only as many as may wait are left.
        Assert.InRange(hooks.Dropped, notifications - NotifyHooks.Capacity - 1, notifications - NotifyHooks.Capacity);
        using (FileStream gate = new(_directory.File("gate"), FileMode.Open, FileAccess.ReadWrite))
        {
            for (int i = 0; i < notifications; i++) gate.Write("go\n"u8);
            await gate.FlushAsync();
            await hooks.DisposeAsync();
        }
        Assert.Equal(0, hooks.Failed);
        string[] told = await File.ReadAllLinesAsync(_directory.File("told"));
        Assert.Equal(notifications - hooks.Dropped, told.Length);
        Assert.Equal($"{notifications - 1}", told[^1]);
    }

    private NotifyHook Hook(string script)
    {
        string path = _directory.File($"hook-{Guid.NewGuid():N}");
        File.WriteAllText(path, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(path, (UnixFileMode)493);
        return new NotifyHook([path], TimeSpan.FromSeconds(20));
    }
}
