using System.Reflection;
using System.Text;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>The text of INFO, with the names of Redis where the meaning is the same.</summary>
internal static class InfoText
{
    private static readonly (string Name, Action<StringBuilder, RespExecutor> Write)[] Sections =
    [
        ("Server", Server), ("Clients", Clients), ("Memory", Memory), ("Persistence", Persistence), ("Stats", Stats), ("Replication", Replication), ("Keyspace", Keyspace),
    ];

    /// <param name="x">What is reported.</param>
    /// <param name="wanted">Names of sections in any case; none, or one of all, default, everything, for all.</param>
    public static string Of(RespExecutor x, IReadOnlyCollection<string> wanted)
    {
        bool all = wanted.Count == 0 || wanted.Any(name => name.ToUpperInvariant() is "ALL" or "DEFAULT" or "EVERYTHING");
        StringBuilder text = new();
        foreach ((string name, Action<StringBuilder, RespExecutor> write) in Sections)
        {
            if (!all && !wanted.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
            if (text.Length > 0) text.Append("\r\n");
            text.Append($"# {name}\r\n");
            write(text, x);
        }
        return text.ToString();
    }

    private static void Server(StringBuilder text, RespExecutor x)
    {
        string version = typeof(InfoText).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
        text.Append($"redis_version:{Encoding.ASCII.GetString(ServerCommands.RedisVersion)}\r\nredis_mode:standalone\r\n");
        text.Append($"appliance_version:{version}\r\nservice:{x.Store.Name}\r\nos:{Environment.OSVersion}\r\narch_bits:64\r\n");
        text.Append($"process_id:{Environment.ProcessId}\r\ntcp_port:{x.Server.Port}\r\nuptime_in_seconds:{(long)(x.Now - x.Server.StartedAt).TotalSeconds}\r\n");
    }

    private static void Clients(StringBuilder text, RespExecutor x) =>
        text.Append($"connected_clients:{x.Counters.ConnectedClients}\r\nmaxclients:{x.Options.MaxClients}\r\nblocked_clients:{x.Server.Clients.Count(client => client.Wait is not null)}\r\n");

    private static void Memory(StringBuilder text, RespExecutor x) =>
        text.Append($"used_memory:{Environment.WorkingSet}\r\nmem_clients_normal:{x.Pool.LentBytes}\r\nmaxmemory_policy:noeviction\r\n");

    private static void Persistence(StringBuilder text, RespExecutor x) => text.Append($"loading:{(x.IsRecovering ? 1 : 0)}\r\naof_enabled:0\r\n");

    private static void Stats(StringBuilder text, RespExecutor x)
    {
        RespCounters counters = x.Counters;
        text.Append($"total_connections_received:{counters.ConnectionsAccepted}\r\ntotal_commands_processed:{counters.Commands}\r\n");
        text.Append($"total_net_input_bytes:{counters.BytesReceived}\r\ntotal_net_output_bytes:{counters.BytesSent}\r\nrejected_connections:{counters.ConnectionsRefused}\r\n");
        text.Append($"keyspace_hits:{counters.KeyHits}\r\nkeyspace_misses:{counters.KeyMisses}\r\ntotal_error_replies:{counters.Errors}\r\n");
        text.Append($"gated_replies:{counters.GatedReplies}\r\noutcomes_unknown:{counters.OutcomesUnknown}\r\nbusy_pauses:{counters.BusyPauses}\r\n");
    }

    private static void Replication(StringBuilder text, RespExecutor x)
    {
        if (x.Store.IsPrimary)
        {
            text.Append($"role:master\r\nconnected_slaves:{x.Store.AcknowledgedBy(0)}\r\n");
        }
        else
        {
            text.Append($"role:slave\r\nmaster_host:{x.Store.PrimaryName}\r\nmaster_port:{x.Server.Port}\r\n");
            text.Append($"master_link_status:{(x.Store.PrimaryName is null ? "down" : "up")}\r\nslave_read_only:1\r\nconnected_slaves:0\r\n");
        }
        text.Append($"term:{x.Store.Term}\r\nmaster_repl_offset:{x.Store.LastTicket}\r\nacknowledged_offset:{x.Store.ResolvedThrough}\r\n");
    }

    private static void Keyspace(StringBuilder text, RespExecutor x)
    {
        if (x.Store.KeyCount > 0) text.Append($"db0:keys={x.Store.KeyCount},expires=0,avg_ttl=0\r\n");
    }
}
