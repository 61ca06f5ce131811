using Microsoft.Extensions.Logging;

namespace Appliance.Host;

/// <summary>Every line that a node logs. Levels as journald knows them: error when something is lost or refused, warning when somebody should look, information for what changes.</summary>
internal static partial class NodeLog
{
    [LoggerMessage(1, LogLevel.Information, "node {Id} starts: incarnation {Incarnation}, group {Group}, {Transport}, {Security}, settings {Digest}")]
    internal static partial void Starting(ILogger log, string id, ulong incarnation, string group, string transport, string security, string digest);

    [LoggerMessage(2, LogLevel.Information, "node {Id} is up: {Listeners}; admin {Admin}")]
    internal static partial void Up(ILogger log, string id, string listeners, string admin);

    [LoggerMessage(3, LogLevel.Error, "cannot start: {Reason}")]
    internal static partial void CannotStart(ILogger log, string reason);

    [LoggerMessage(4, LogLevel.Information, "{Signal}: ending")]
    internal static partial void Ending(ILogger log, string signal);

    [LoggerMessage(5, LogLevel.Information, "ended")]
    internal static partial void Ended(ILogger log);

    [LoggerMessage(6, LogLevel.Warning, "security = none: everybody on the network can read and forge the state of all sessions")]
    internal static partial void Unsealed(ILogger log);

    [LoggerMessage(7, LogLevel.Information, "reloaded: {Applied} settings applied{Restart}")]
    internal static partial void Reloaded(ILogger log, int applied, string restart);

    [LoggerMessage(8, LogLevel.Error, "reload refused, nothing has changed: {Problems}")]
    internal static partial void ReloadRefused(ILogger log, string problems);

    [LoggerMessage(9, LogLevel.Information, "member {Member} {Change}: incarnation {Incarnation}")]
    internal static partial void MemberChanged(ILogger log, string member, string change, ulong incarnation);

    [LoggerMessage(10, LogLevel.Warning, "member {Member} {Change}: {Detail}")]
    internal static partial void MemberTrouble(ILogger log, string member, string change, string detail);

    [LoggerMessage(11, LogLevel.Error, "{Loss}")]
    internal static partial void Lost(ILogger log, string loss);

    [LoggerMessage(12, LogLevel.Warning, "{Warning}")]
    internal static partial void Warning(ILogger log, string warning);

    [LoggerMessage(13, LogLevel.Information, "{Message}")]
    internal static partial void Note(ILogger log, string message);
}
