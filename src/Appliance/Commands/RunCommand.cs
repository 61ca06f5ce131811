using System.CommandLine;
using System.Runtime.InteropServices;
using Appliance.Configuration;
using Appliance.Host;
using Microsoft.Extensions.Logging;

namespace Appliance.Commands;

/// <summary><c>appliance run</c>: one node, in the foreground, until SIGTERM or SIGINT.</summary>
internal static class RunCommand
{
    internal static Command Create()
    {
        Option<string> config = CommonOptions.Config();
        var command = new Command("run", "Run this node until SIGTERM; SIGHUP reloads the configuration") { config };
        command.SetAction((parsed, _) => RunAsync(parsed.GetRequiredValue(config)));
        return command;
    }

    private static async Task<int> RunAsync(string path)
    {
        ApplianceConfiguration configuration = CommonOptions.LoadConfiguration(path);
        using var logging = new NodeLogging(configuration.Node.LogLevel);
        ILogger log = logging.Factory.CreateLogger("appliance");
        await using ServiceManager manager = ServiceManager.FromEnvironment(log);
        var end = new TaskCompletionSource<PosixSignal>(TaskCreationOptions.RunContinuationsAsynchronously);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, EndOn);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, EndOn);
        try
        {
            await using NodeHost node = await NodeHost.StartAsync(configuration, path, logging).ConfigureAwait(false);
            using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                _ = ReloadAsync(node); // it logs what it did
            });
            manager.Ready();
            manager.Watch(node.SummariseAsync);
            NodeLog.Ending(log, (await end.Task.ConfigureAwait(false)).ToString());
            await manager.StopAsync().ConfigureAwait(false);
        }
        catch (NodeStartException failure)
        {
            NodeLog.CannotStart(log, failure.Message);
            manager.Say($"cannot start: {failure.Message}");
            return ExitCode.Failed;
        }
        NodeLog.Ended(log);
        return ExitCode.Done;

        void EndOn(PosixSignalContext context)
        {
            context.Cancel = true; // the default would end the process at once
            end.TrySetResult(context.Signal);
        }

        async Task ReloadAsync(NodeHost node)
        {
            manager.Reloading();
            await node.ReloadAsync().ConfigureAwait(false);
            manager.Ready();
        }
    }
}
