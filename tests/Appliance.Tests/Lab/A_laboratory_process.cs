using System.Diagnostics;
using Appliance.Lab;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Lab;

public sealed class A_laboratory_process : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Is_up_frozen_up_again_and_down()
    {
        LabProcess process = LabProcess.Start(["sleep", "60"], _directory.File("log"));
        try
        {
            Assert.Equal("up", process.State);
            process.Freeze();
            Assert.True(SpinWait.SpinUntil(() => process.State == "frozen", TimeSpan.FromSeconds(10)));
            process.Thaw();
            Assert.True(SpinWait.SpinUntil(() => process.State == "up", TimeSpan.FromSeconds(10)));
        }
        finally
        {
            process.KillAndWait();
        }
        Assert.Equal("down", process.State);
        process.EndAndWait(); // nothing to do is done
    }

    [Fact]
    public void Is_ended_politely_also_when_frozen()
    {
        LabProcess process = LabProcess.Start(["sleep", "60"], _directory.File("log"));
        process.Freeze();

        process.EndAndWait();

        Assert.False(process.IsAlive);
    }

    [Fact]
    public void Is_never_mistaken_for_another_that_was_given_its_id()
    {
        using Process stranger = Process.Start("sleep", "60");
        var mistaken = new LabProcess(stranger.Id, StartTicks: 1);
        try
        {
            mistaken.KillAndWait();

            Assert.Equal("down", mistaken.State);
            Assert.False(stranger.HasExited);
        }
        finally
        {
            stranger.Kill();
        }
    }

    [Fact]
    public void Writes_to_its_log()
    {
        LabProcess process = LabProcess.Start(["sh", "-c", "echo heard"], _directory.File("log"));

        Assert.True(SpinWait.SpinUntil(() => !process.IsAlive, TimeSpan.FromSeconds(10)));

        Assert.Equal("heard\n", File.ReadAllText(_directory.File("log")));
    }
}
