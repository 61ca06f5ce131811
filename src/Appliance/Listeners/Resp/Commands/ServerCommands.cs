using System.Text;
using Appliance.Listeners.Resp.Protocol;
using Appliance.Multicast;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>Commands about the server and the group (server.c, replication.c of Redis).</summary>
internal static class ServerCommands
{
    private const CommandFlags Flags = CommandFlags.Loading;

    public static readonly RespCommand[] All =
    [
        new("info", -1, Flags, "server", "1.0.0", "Get information and statistics about the server", Info),
        new("role", 1, Flags | CommandFlags.Fast, "server", "2.8.12", "Return the role of the instance in the context of replication", Role),
        new("dbsize", 1, CommandFlags.ReadOnly | CommandFlags.Fast, "server", "1.0.0", "Return the number of keys in the selected database", (x, _) => x.Output.Integer(x.Store.KeyCount)),
        new("time", 1, Flags | CommandFlags.Fast, "server", "2.6.0", "Return the current server time", Time),
        new("wait", 3, CommandFlags.Blocking, "generic", "3.0.0", "Wait for the synchronous replication of all the write commands sent in the context of the current connection", Wait),
        CatalogueCommands.Command,
        new("config", -2, Flags, "server", "2.0.0", "A container for server configuration commands", null)
        {
            Subcommands = [new("config|get", -3, Flags, "server", "2.0.0", "Get the values of configuration parameters", ConfigGet)],
        },
    ];

    /// <summary>The version of Redis whose behaviour is followed; clients choose by it what they send.</summary>
    public static ReadOnlySpan<byte> RedisVersion => "7.0.15"u8;

    private static void Info(RespExecutor x, RespArguments arguments)
    {
        List<string> sections = [];
        for (int i = 1; i < arguments.Count; i++) sections.Add(Encoding.Latin1.GetString(arguments[i]));
        x.Output.Verbatim(Encoding.UTF8.GetBytes(InfoText.Of(x, sections)));
    }

    private static void Role(RespExecutor x, RespArguments arguments)
    {
        RespWriter output = x.Output;
        if (x.Store.IsPrimary)
        {
            output.Array(3);
            output.Bulk("master"u8);
            output.Integer((long)x.Store.LastTicket);
            output.Array(0);
            return;
        }
        output.Array(5);
        output.Bulk("slave"u8);
        output.Bulk(Encoding.UTF8.GetBytes(x.Store.PrimaryName ?? ""));
        output.Integer(x.Server.Port);
        output.Bulk(x.Store.PrimaryName is null ? "connect"u8 : "connected"u8);
        output.Integer((long)x.Store.LastTicket);
    }

    private static void Time(RespExecutor x, RespArguments arguments)
    {
        long now = x.Store.NowMilliseconds;
        x.Output.Array(2);
        x.Output.BulkNumber(now / 1000);
        x.Output.BulkNumber(now % 1000 * 1000);
    }

    private static void Wait(RespExecutor x, RespArguments arguments)
    {
        if (!x.Store.IsPrimary)
        {
            x.Error(RespErrors.WaitOnSecondary);
            return;
        }
        if (!RespNumber.TryParse(arguments[1], out long members))
        {
            x.Error(RespErrors.NotAnInteger);
            return;
        }
        if (!RespNumber.TryParse(arguments[2], out long timeout))
        {
            x.Error(RespErrors.TimeoutNotInteger);
            return;
        }
        if (timeout < 0)
        {
            x.Error(RespErrors.TimeoutNegative);
            return;
        }
        int reached = x.Store.AcknowledgedBy(x.Client.LastWrite);
        if (reached >= members || x.InExec)
        {
            x.Output.Integer(reached);
            return;
        }
        x.Store.RequestAcknowledgement();
        bool forever = timeout is 0 or > int.MaxValue; // more than three weeks
        x.Client.Wait = new WaitRequest(x.Client.LastWrite, members, forever ? Timestamp.Never : x.Now + TimeSpan.FromMilliseconds(timeout));
    }

    // What redis-benchmark and libraries ask for at their start; the true settings stand in appliance.conf.
    private static void ConfigGet(RespExecutor x, RespArguments arguments)
    {
        (string Name, string Value)[] settings =
        [
            ("appendonly", "no"), ("databases", "1"), ("maxclients", $"{x.Options.MaxClients}"), ("maxmemory-policy", "noeviction"),
            ("proto-max-bulk-len", $"{x.Options.MaxValueBytes}"), ("replica-read-only", "yes"), ("save", ""), ("slave-read-only", "yes"),
            ("timeout", $"{(long)x.Options.IdleTimeout.TotalSeconds}"),
        ];
        int start = x.Output.Length, found = 0;
        foreach ((string name, string value) in settings)
        {
            if (!MatchesAny(arguments, name)) continue;
            x.Output.Bulk(Encoding.ASCII.GetBytes(name));
            x.Output.Bulk(Encoding.ASCII.GetBytes(value));
            found++;
        }
        x.Output.InsertMap(start, found);
    }

    private static bool MatchesAny(RespArguments arguments, string name)
    {
        for (int i = 2; i < arguments.Count; i++)
        {
            if (GlobPattern.IsMatch(Encoding.ASCII.GetBytes(Encoding.Latin1.GetString(arguments[i]).ToLowerInvariant()), Encoding.ASCII.GetBytes(name))) return true;
        }
        return false;
    }
}
