using Appliance.Configuration;
using Appliance.State;
using Microsoft.Extensions.Logging;

namespace Appliance.Tests.Configuration;

public sealed class Reloading_a_configuration
{
    [Fact]
    public void Applies_what_can_be_applied_and_names_what_needs_a_restart()
    {
        ApplianceConfiguration running = ConfigurationText.Load(ConfigurationText.Valid);
        ApplianceConfiguration next = ConfigurationText.Load(ConfigurationText.Valid
            .Replace("[group]", "log-level = debug\n[group]\ndead-after = 300ms", StringComparison.Ordinal) + "\nmax-clients = 7\n[class purchase]\nacks = 2\n[service more]");

        ConfigurationReload reload = ConfigurationReload.Compare(running, next);

        Assert.Equal(["[node] log-level = debug", "[class purchase] acks = 2"], reload.Applied);
        Assert.Equal(["[group] dead-after = 300ms", "[service more] is new", "[listener state] max-clients = 7"], reload.NeedRestart);
        Assert.Equal(LogLevel.Debug, reload.Configuration.Node.LogLevel);
        Assert.NotEqual(7, reload.Configuration.Listeners[0].MaxClients);
        Assert.Equal(2, reload.Configuration.ClassOf(RecordClass.Purchase).Acks.Count);
        Assert.Equal(running.Group.DeadAfter, reload.Configuration.Group.DeadAfter);
        Assert.Equal(LogLevel.Information, running.Node.LogLevel);
    }

    [Fact]
    public void Of_the_same_file_changes_nothing()
    {
        ConfigurationReload reload = ConfigurationReload.Compare(ConfigurationText.Load(ConfigurationText.Valid), ConfigurationText.Load(ConfigurationText.Valid));

        Assert.Empty(reload.Applied);
        Assert.Empty(reload.NeedRestart);
    }
}
