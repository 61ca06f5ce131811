using System.Net;
using Appliance.Cluster.Programs;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Microsoft.Extensions.Logging.Abstractions;

namespace Appliance.Tests.Cluster.Programs;

public sealed class Bringing_an_address : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20), NoPause = TimeSpan.FromMilliseconds(1);
    private readonly TemporaryDirectory _directory = new();

    public Bringing_an_address() => File.SetUnixFileMode(_directory.Path, (UnixFileMode)511);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Tells_role_service_term_and_address()
    {
        AddressHook hook = Hook();
        hook.Ask(Script("""echo "$* $APPLIANCE_ROLE $APPLIANCE_SERVICE $APPLIANCE_TERM $APPLIANCE_ADDRESS" >> "$(dirname "$0")/told" """, "eth0"), Limit, "primary", 7);
        await hook.DisposeAsync();

        Assert.Equal(["eth0 primary shop 7 192.0.2.9 primary shop 7 192.0.2.9"], File.ReadAllLines(_directory.File("told")));
        Assert.Null(hook.Trouble);
        Assert.Equal(0, hook.Failed);
    }

    [Fact]
    public async Task Runs_a_command_that_fails_again_until_it_works_and_says_so_meanwhile()
    {
        await using AddressHook hook = Hook();
        hook.Ask(Script("""test -e "$(dirname "$0")/works" || { echo no permission; exit 3; }"""), Limit, "primary", 7);
        Until.True("it is tried three times", Limit, () => hook.Failed >= 3);
        Assert.Equal("service shop: the address command has not done its work for 192.0.2.9 (primary): it ended with 3: no permission; it is tried again", hook.Trouble);

        File.WriteAllText(_directory.File("works"), "");
        Until.True("there is no trouble", Limit, () => hook.Trouble is null);
        long failed = hook.Failed;
        Assert.Equal(failed, hook.Failed);
    }

    [Fact]
    public async Task Kills_a_command_that_does_not_end_and_forgets_it_for_a_newer_role()
    {
        AddressHook hook = Hook();
        IReadOnlyList<string> command = Script("""echo "$1 $3" >> "$(dirname "$0")/told"; test "$1" = secondary || exec sleep 1000""");
        hook.Ask(command, TimeSpan.FromMilliseconds(200), "primary", 7);
        Until.True("it fails", Limit, () => hook.Failed >= 1);
        Assert.Contains("no end within 200 ms", hook.Trouble);

        hook.Ask(command, Limit, "secondary", 8);
        Until.True("there is no trouble", Limit, () => hook.Trouble is null);
        await hook.DisposeAsync();

        string[] told = File.ReadAllLines(_directory.File("told"));
        Assert.Equal("secondary 8", told[^1]);
        Assert.Single(told, "secondary 8");
    }

    [Fact]
    public async Task Does_only_what_was_asked_last_when_roles_change_faster_than_it_works()
    {
        AddressHook hook = Hook();
        IReadOnlyList<string> command = Script("""echo "$1 $3" >> "$(dirname "$0")/told"; test "$3" != 1 || read -r _ < "$(dirname "$0")/gate" """);
        Assert.Equal(0, System.Diagnostics.Process.Start("mkfifo", ["-m", "666", _directory.File("gate")]) is { } made && made.WaitForExit(10_000) ? made.ExitCode : -1);
        hook.Ask(command, Limit, "primary", 1);
        Until.True("the first is told", Limit, () => File.Exists(_directory.File("told")));
        for (ulong term = 2; term <= 9; term++) hook.Ask(command, Limit, term % 2 == 0 ? "secondary" : "primary", term);
        await using (FileStream gate = new(_directory.File("gate"), FileMode.Open, FileAccess.ReadWrite))
        {
            gate.Write("go\n"u8);
            await gate.FlushAsync();
            await hook.DisposeAsync();
        }

        Assert.Equal(["primary 1", "primary 9"], File.ReadAllLines(_directory.File("told")));
    }

    private static AddressHook Hook() => new(new ProgramRunner("nobody"), "shop", IPAddress.Parse("192.0.2.9"), NullLogger.Instance, NoPause);

    private IReadOnlyList<string> Script(string script, params string[] arguments)
    {
        string path = _directory.File($"hook-{Guid.NewGuid():N}");
        File.WriteAllText(path, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(path, (UnixFileMode)493);
        return [path, .. arguments];
    }
}
