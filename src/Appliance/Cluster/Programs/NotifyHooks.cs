using System.Globalization;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Appliance.Cluster.Programs;

/// <summary>A program that is told of a service's roles.</summary>
/// <param name="Command">Absolute path and arguments; role, service and term follow.</param>
/// <param name="Deadline">After it the program is killed.</param>
internal sealed record NotifyHook(IReadOnlyList<string> Command, TimeSpan Deadline);

/// <summary>
/// Tells operators' programs of changed roles, one after another in the order of the changes, without ever holding up who reports them. When a program cannot
/// keep up, the oldest waiting notification is dropped and counted: the newest role is the one that matters.
/// </summary>
/// <remarks><see cref="Notify"/> from any thread.</remarks>
internal sealed partial class NotifyHooks : IAsyncDisposable
{
    /// <summary>Notifications that may wait.</summary>
    internal const int Capacity = 64;

    private readonly ProgramRunner _runner;
    private readonly ILogger _log;
    private readonly Channel<Notification> _waiting;
    private readonly Task _working;
    private long _dropped;
    private long _failed;

    private sealed record Notification(NotifyHook Hook, string Service, string Role, ulong Term);

    internal NotifyHooks(ProgramRunner runner, ILogger log)
    {
        _runner = runner;
        _log = log;
        _waiting = Channel.CreateBounded<Notification>(new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true }, OnDropped);
        _working = Task.Run(WorkAsync);
    }

    /// <summary>Notifications that were dropped.</summary>
    internal long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Programs that did not end with 0 in time.</summary>
    internal long Failed => Interlocked.Read(ref _failed);

    /// <summary>Runs the hook soon: <c>COMMAND ROLE SERVICE TERM</c>, the same in APPLIANCE_ROLE, APPLIANCE_SERVICE, APPLIANCE_TERM.</summary>
    internal void Notify(NotifyHook hook, string service, string role, ulong term) => _waiting.Writer.TryWrite(new Notification(hook, service, role, term));

    /// <summary>Runs what waits, each to its deadline, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _working.ConfigureAwait(false);
    }

    private async Task WorkAsync()
    {
        await foreach (Notification next in _waiting.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            string term = next.Term.ToString(CultureInfo.InvariantCulture);
            ProgramResult result = await _runner.RunAsync([.. next.Hook.Command, next.Role, next.Service, term],
                [("APPLIANCE_ROLE", next.Role), ("APPLIANCE_SERVICE", next.Service), ("APPLIANCE_TERM", term)], next.Hook.Deadline).ConfigureAwait(false);
            if (result.IsGood) continue;
            Interlocked.Increment(ref _failed);
            LogFailed(_log, next.Service, next.Hook.Command[0], next.Role, result.ToString());
        }
    }

    private void OnDropped(Notification dropped)
    {
        Interlocked.Increment(ref _dropped);
        LogDropped(_log, dropped.Service, dropped.Hook.Command[0], dropped.Role);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "service {Service}: notify {Program} {Role}: {Result}")]
    private static partial void LogFailed(ILogger logger, string service, string program, string role, string result);

    [LoggerMessage(Level = LogLevel.Warning, Message = "service {Service}: notify {Program} {Role} was dropped: earlier notifications take too long")]
    private static partial void LogDropped(ILogger logger, string service, string program, string role);
}
