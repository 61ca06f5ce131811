using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Appliance.Host;

/// <summary>Logs to standard output, one line per event: with journald's level prefixes under systemd, with the time otherwise.</summary>
internal sealed class NodeLogging : IDisposable
{
    private readonly ILoggerFactory _factory;
    private volatile int _level;

    internal NodeLogging(LogLevel level)
    {
        _level = (int)level;
        _factory = LoggerFactory.Create(Configure);
    }

    /// <summary>Makes loggers.</summary>
    internal ILoggerFactory Factory => _factory;

    /// <summary>Least level that is logged. Any thread; at once.</summary>
    internal LogLevel Level
    {
        get => (LogLevel)_level;
        set => _level = (int)value;
    }

    /// <summary>Writes what is queued and ends.</summary>
    public void Dispose() => _factory.Dispose();

    private void Configure(ILoggingBuilder builder)
    {
        builder.SetMinimumLevel(LogLevel.Trace).AddFilter((category, level) =>
            level >= Level && (level >= LogLevel.Warning || category?.StartsWith("Microsoft.", StringComparison.Ordinal) != true));
        // The event loop must never wait for a terminal: what does not fit is dropped, and the console logger says how much.
        builder.Services.Configure<ConsoleLoggerOptions>(static console => console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite);
        // systemd sets JOURNAL_STREAM for a service whose output goes to the journal.
        if (Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null)
        {
            builder.AddSystemdConsole();
            return;
        }
        builder.AddSimpleConsole(static console =>
        {
            console.SingleLine = true;
            console.ColorBehavior = LoggerColorBehavior.Disabled;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
        });
    }
}
