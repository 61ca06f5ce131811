using Appliance.Cluster.Health;
using Appliance.Configuration;
using Microsoft.Extensions.Logging;

namespace Appliance.Backends;

/// <summary>The health checks of a pool's servers. Loop thread, or any thread before the loop runs.</summary>
internal sealed partial class PoolChecks
{
    private readonly BackendPool _pool;
    private readonly HealthChecker _checker;
    private readonly ILogger _log;
    private readonly Dictionary<PoolServer, HealthCheck> _checks = [];

    internal PoolChecks(BackendPool pool, HealthChecker checker, ILogger log)
    {
        _pool = pool;
        _checker = checker;
        _log = log;
        Use();
    }

    /// <summary>The check of a server; null when it is not checked.</summary>
    internal HealthCheck? Of(PoolServer server) => _checks.GetValueOrDefault(server);

    /// <summary>Follows the pool's configuration.</summary>
    internal void Use()
    {
        bool checks = _pool.Options.Check.Kind != HealthCheckKind.None;
        foreach ((PoolServer server, HealthCheck check) in _checks.Where(pair => !checks || !_pool.Servers.Contains(pair.Key)).ToArray())
        {
            _checker.Remove(check);
            _checks.Remove(server);
            server.Health = TargetHealth.Unknown;
        }
        if (!checks) return;
        foreach (PoolServer server in _pool.Servers)
        {
            HealthCheckSettings settings = HealthCheckSettings.Of(_pool.Options, server.EndPoint);
            if (_checks.TryGetValue(server, out HealthCheck? check)) check.Use(settings);
            else _checks.Add(server, _checker.Add(settings, changed => OnChange(server, changed))!);
        }
    }

    private void OnChange(PoolServer server, HealthCheck check)
    {
        server.Health = check.Health;
        if (check.Health == TargetHealth.Up) LogUp(_log, _pool.Name, server.Name);
        else LogDown(_log, _pool.Name, server.Name, check.Why, _pool.Servers.Count(static other => other.Health != TargetHealth.Down));
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "server {Pool}/{Server} is up")]
    private static partial void LogUp(ILogger logger, string pool, string server);

    [LoggerMessage(Level = LogLevel.Warning, Message = "server {Pool}/{Server} is down: {Why}; {Left} servers are left")]
    private static partial void LogDown(ILogger logger, string pool, string server, string why, int left);
}
