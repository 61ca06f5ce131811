using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Appliance.Host;

/// <summary>Tells the service manager how the node is (sd_notify(3), sd_watchdog_enabled(3)). Without one it does nothing. Any thread.</summary>
/// <remarks>
/// One datagram per message, lines <c>NAME=value</c>, to the unix socket in $NOTIFY_SOCKET: a path, or an abstract address that begins with '@'.
/// </remarks>
internal sealed class ServiceManager : IAsyncDisposable
{
    private static readonly TimeSpan StatusInterval = TimeSpan.FromSeconds(5);
    private readonly Socket? _socket;
    private readonly UnixDomainSocketEndPoint? _address;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _end = new();
    private Task _watching = Task.CompletedTask;

    /// <param name="address">What $NOTIFY_SOCKET says; null or empty: nobody is there.</param>
    /// <param name="watchdog">The service manager ends the process when it hears nothing for so long; null: it does not watch.</param>
    /// <param name="log">Says what cannot be told.</param>
    internal ServiceManager(string? address, TimeSpan? watchdog, ILogger log)
    {
        _log = log;
        Watchdog = watchdog;
        if (string.IsNullOrEmpty(address)) return;
        if (address[0] is not ('/' or '@'))
        {
            NodeLog.Warning(log, $"NOTIFY_SOCKET = '{address}' is neither a path nor an abstract address: the service manager hears nothing");
            return;
        }
        _address = new UnixDomainSocketEndPoint(address[0] == '@' ? string.Concat("\0", address.AsSpan(1)) : address);
        _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { SendTimeout = 1000 };
    }

    /// <summary>The service manager ends the process when it hears nothing for so long; null: it does not watch.</summary>
    internal TimeSpan? Watchdog { get; }

    /// <summary>The one that started this process. Takes the variables out of the environment, so that commands which the node runs do not speak in its name.</summary>
    internal static ServiceManager FromEnvironment(ILogger log)
    {
        string? watched = Environment.GetEnvironmentVariable("WATCHDOG_PID"), microseconds = Environment.GetEnvironmentVariable("WATCHDOG_USEC");
        bool own = string.IsNullOrEmpty(watched) || watched == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        TimeSpan? watchdog = own && long.TryParse(microseconds, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value > 0 ? TimeSpan.FromMicroseconds(value) : null;
        var manager = new ServiceManager(Environment.GetEnvironmentVariable("NOTIFY_SOCKET"), watchdog, log);
        foreach (string variable in new[] { "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC" }) Environment.SetEnvironmentVariable(variable, null);
        return manager;
    }

    /// <summary>The node serves.</summary>
    internal void Ready() => Send("READY=1");

    /// <summary>The node reads its configuration again; <see cref="Ready"/> ends it.</summary>
    internal void Reloading() => Send(string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={MonotonicMicroseconds()}"));

    /// <summary>The node ends; nothing is watched from now on.</summary>
    internal async Task StopAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        Send("STOPPING=1");
    }

    /// <summary>One line for <c>systemctl status</c>.</summary>
    internal void Say(string line) => Send($"STATUS={line.ReplaceLineEndings(" ")}");

    /// <summary>From now on: shows the node's state, and says that it lives, twice within the watchdog's time, each time only when the question was answered.</summary>
    /// <param name="ask">Gives the line to show, within the time it is given; throws <see cref="TimeoutException"/> when the node hangs.</param>
    internal void Watch(Func<TimeSpan, Task<string>> ask)
    {
        if (_socket is not null) _watching = WatchAsync(ask);
    }

    /// <summary>Says nothing more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        _end.Dispose();
        _socket?.Dispose();
    }

    private async Task WatchAsync(Func<TimeSpan, Task<string>> ask)
    {
        using var timer = new PeriodicTimer(Watchdog / 2 ?? StatusInterval);
        string shown = "";
        try
        {
            do
            {
                try
                {
                    // An answer after a quarter of the watchdog's time is still in time: three quarters lie between two messages at most.
                    string line = await ask(timer.Period / 2).WaitAsync(_end.Token).ConfigureAwait(false);
                    if (line != shown) Say(shown = line);
                    if (Watchdog is not null) Send("WATCHDOG=1");
                }
                catch (TimeoutException hung)
                {
                    Say(shown = hung.Message);
                    NodeLog.Warning(_log, hung.Message);
                }
            }
            while (await timer.WaitForNextTickAsync(_end.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // The node ends.
        }
    }

    private void Send(string message)
    {
        if (_socket is null) return;
        try
        {
            _socket.SendTo(Encoding.UTF8.GetBytes(message), _address!);
        }
        catch (SocketException error)
        {
            NodeLog.Warning(_log, $"the service manager cannot be told '{message.Split('\n')[0]}': {error.Message}");
        }
    }

    /// <summary>CLOCK_MONOTONIC, which is what the stopwatch reads on Linux, in nanoseconds.</summary>
    private static long MonotonicMicroseconds() => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1_000_000);
}
