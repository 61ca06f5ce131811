using System.Diagnostics;
using System.Globalization;
using Appliance.Cluster.Programs;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Cluster.Programs;

public sealed class Running_programs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly ProgramRunner _runner = new("nobody");

    [Fact]
    public async Task Tells_how_they_ended_and_what_they_said()
    {
        Assert.Equal(new ProgramResult(3, "so it is"), await Shell("echo so it is; echo more; exit 3"));
        Assert.Equal(new ProgramResult(0, ""), await Shell("exit 0"));
        Assert.Equal(new ProgramResult(1, "on error"), await Shell("echo out; echo on error >&2; exit 1"));
    }

    [Fact]
    public async Task Tells_that_a_program_is_missing()
    {
        ProgramResult result = await _runner.RunAsync(["/nowhere/program"], [], Patience);

        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("/nowhere/program", result.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Kills_a_program_at_its_deadline_with_all_that_it_started()
    {
        using var directory = new TemporaryDirectory();
        File.SetUnixFileMode(directory.Path, (UnixFileMode)511);
        string pids = directory.File("pids");

        ProgramResult result = await Shell($"sleep 600 & echo $! $$ > {pids}; wait", TimeSpan.FromSeconds(2));

        Assert.Equal(new ProgramResult(null, "no end within 2000 ms"), result);
        foreach (string pid in (await File.ReadAllTextAsync(pids)).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)) AssertEnds(pid);
    }

    [Fact]
    public async Task Leaves_nothing_of_a_program_behind_that_has_ended()
    {
        using var directory = new TemporaryDirectory();
        File.SetUnixFileMode(directory.Path, (UnixFileMode)511);
        string pid = directory.File("pid");

        ProgramResult result = await Shell($"sleep 600 & echo $! > {pid}");

        Assert.Equal(0, result.ExitCode);
        AssertEnds((await File.ReadAllTextAsync(pid)).Trim());
    }

    [Fact]
    public async Task Reads_a_flood_of_output_to_its_end()
    {
        ProgramResult result = await Shell("head -c 10000000 /dev/zero | tr '\\0' x");

        Assert.Equal(new ProgramResult(0, new string('x', 200)), result);
    }

    [RootFact]
    public async Task Gives_them_no_privileges()
    {
        ProgramResult user = await Shell("id -un");
        ProgramResult capabilities = await Shell("grep -E '^(CapEff|CapPrm|CapInh|CapAmb|NoNewPrivs)' /proc/self/status | tr -d '\\t\\n'");

        Assert.Equal("nobody", user.Text);
        Assert.Equal("CapInh:0000000000000000CapPrm:0000000000000000CapEff:0000000000000000CapAmb:0000000000000000NoNewPrivs:1", capabilities.Text);
    }

    [Fact]
    public async Task Gives_them_an_environment_of_their_own()
    {
        ProgramResult result = await _runner.RunAsync(["/bin/sh", "-c", "env | sort | grep -v -E '^(PWD|_|SHLVL|OLDPWD)=' | tr '\\n' ' '"], [("APPLIANCE_ROLE", "primary")], Patience);

        Assert.Equal("APPLIANCE_ROLE=primary PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", result.Text);
    }

    private Task<ProgramResult> Shell(string script, TimeSpan? deadline = null) => _runner.RunAsync(["/bin/sh", "-c", script], [], deadline ?? Patience);

    // A killed process is gone, or waits for its parent to notice.
    private static void AssertEnds(string pid) => Assert.True(SpinWait.SpinUntil(() =>
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{int.Parse(pid, CultureInfo.InvariantCulture)}/stat");
            return stat[stat.LastIndexOf(')') + 2] == 'Z';
        }
        catch (Exception gone) when (gone is IOException)
        {
            return true;
        }
    }, Patience), $"process {pid} lives");
}
