using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;

namespace Appliance.Cluster.Programs;

/// <summary>
/// Lets an operator's program bring one floating address to this node, or let go of it, where announcements move nothing (clouds). Nobody waits for it. Only the newest role counts: what was asked for while
/// the program ran is done next, and what failed is tried again until it works or another role comes.
/// </summary>
/// <remarks><see cref="Ask"/> from any thread, the properties too.</remarks>
internal sealed partial class AddressHook : IAsyncDisposable
{
    /// <summary>Pause before a failed command is run again. 1 s: what failed at once fails again at once, and a client waits.</summary>
    private static readonly TimeSpan DefaultPause = TimeSpan.FromSeconds(1);

    private readonly ProgramRunner _runner;
    private readonly string _service;
    private readonly IPAddress _address;
    private readonly ILogger _log;
    private readonly TimeSpan _pause;
    private readonly SemaphoreSlim _asked = new(0);
    private readonly Task _working;
    private volatile Order? _wanted;
    private volatile string? _trouble;
    private volatile bool _ending;
    private long _failed;

    private sealed record Order(IReadOnlyList<string> Command, TimeSpan Deadline, string Role, ulong Term);

    /// <param name="runner">Runs the program.</param>
    /// <param name="service">The service.</param>
    /// <param name="address">The address.</param>
    /// <param name="log">Told of failures.</param>
    /// <param name="pause">Before a failed command is run again; null: 1 s.</param>
    internal AddressHook(ProgramRunner runner, string service, IPAddress address, ILogger log, TimeSpan? pause = null)
    {
        _runner = runner;
        _service = service;
        _address = address;
        _log = log;
        _pause = pause ?? DefaultPause;
        _working = Task.Run(WorkAsync);
    }

    /// <summary>Runs that did not end with 0 in time.</summary>
    internal long Failed => Interlocked.Read(ref _failed);

    /// <summary>What the newest role still waits for, in a sentence; null when its command has ended well, or there was none.</summary>
    internal string? Trouble => _trouble;

    /// <summary>Runs the command soon: <c>COMMAND ROLE SERVICE TERM ADDRESS</c>, the same in APPLIANCE_ROLE, APPLIANCE_SERVICE, APPLIANCE_TERM, APPLIANCE_ADDRESS.</summary>
    /// <param name="command">The program and its first arguments.</param>
    /// <param name="deadline">After it the program is killed.</param>
    /// <param name="role"><c>primary</c>: the address shall come here; otherwise this node lets go of it.</param>
    /// <param name="term">Of the role.</param>
    internal void Ask(IReadOnlyList<string> command, TimeSpan deadline, string role, ulong term)
    {
        _wanted = new Order(command, deadline, role, term);
        _asked.Release();
    }

    /// <summary>Runs what was asked for last once more at most, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        _ending = true;
        _asked.Release();
        await _working.ConfigureAwait(false);
        _asked.Dispose();
    }

    private async Task WorkAsync()
    {
        Order? done = null;
        while (true)
        {
            if (done == _wanted)
            {
                if (_ending) return;
                await _asked.WaitAsync().ConfigureAwait(false);
                continue;
            }
            Order order = _wanted!;
            bool isGood = await RunAsync(order).ConfigureAwait(false);
            if (isGood || _ending) done = order;
            else await _asked.WaitAsync(_pause).ConfigureAwait(false);
        }
    }

    private async Task<bool> RunAsync(Order order)
    {
        string term = order.Term.ToString(CultureInfo.InvariantCulture), address = _address.ToString();
        ProgramResult result = await _runner.RunAsync([.. order.Command, order.Role, _service, term, address],
            [("APPLIANCE_ROLE", order.Role), ("APPLIANCE_SERVICE", _service), ("APPLIANCE_TERM", term), ("APPLIANCE_ADDRESS", address)], order.Deadline).ConfigureAwait(false);
        string? before = _trouble;
        _trouble = result.IsGood ? null : $"service {_service}: the address command has not done its work for {address} ({order.Role}): {result}; it is tried again";
        if (result.IsGood) return true;
        Interlocked.Increment(ref _failed);
        if (_trouble != before) LogFailed(_log, _service, order.Command[0], order.Role, address, result.ToString());
        return false;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "service {Service}: address command {Program} {Role} {Address}: {Result}")]
    private static partial void LogFailed(ILogger logger, string service, string program, string role, string address, string result);
}
