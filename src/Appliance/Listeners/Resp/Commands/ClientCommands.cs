using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>CLIENT and its subcommands (networking.c of Redis).</summary>
internal static class ClientCommands
{
    private const int MaxNameBytes = 256;
    private const CommandFlags Flags = CommandFlags.Loading;

    public static readonly RespCommand Client = new("client", -2, Flags, "connection", "2.4.0", "A container for client connection commands", null)
    {
        Subcommands =
        [
            new("client|getname", 2, Flags, "connection", "2.6.9", "Get the current connection name", GetName),
            new("client|setname", 3, Flags, "connection", "2.6.9", "Set the current connection name", SetName),
            new("client|id", 2, Flags, "connection", "5.0.0", "Returns the client ID for the current connection", (x, _) => x.Output.Integer(x.Client.Id)),
            new("client|info", 2, Flags, "connection", "6.2.0", "Returns information about the current client connection", (x, _) => x.Output.Verbatim(Encoding.Latin1.GetBytes(Describe(x, x.Client)))),
            new("client|list", -2, Flags, "connection", "2.4.0", "Get the list of client connections", List),
            new("client|no-evict", 3, Flags, "connection", "7.0.0", "Set client eviction mode for the current connection", NoEvict),
            new("client|reply", 3, Flags, "connection", "3.2.0", "Instruct the server whether to reply to commands", Reply),
            new("client|setinfo", 4, Flags, "connection", "7.2.0", "Set client or connection specific info", SetInfo),
        ],
    };

    /// <summary>Names the client; writes the error and answers false if the name may not be.</summary>
    public static bool TrySetName(RespExecutor x, ReadOnlySpan<byte> name)
    {
        if (!IsPrintable(name))
        {
            x.Error(RespErrors.ClientName);
            return false;
        }
        x.Client.Name = Encoding.ASCII.GetString(name);
        return true;
    }

    private static bool IsPrintable(ReadOnlySpan<byte> text) => text.Length <= MaxNameBytes && !text.ContainsAnyExceptInRange((byte)'!', (byte)'~');

    private static void SetName(RespExecutor x, RespArguments arguments)
    {
        if (TrySetName(x, arguments[2])) x.Output.Simple("OK"u8);
    }

    private static void GetName(RespExecutor x, RespArguments arguments)
    {
        if (x.Client.Name.Length == 0) x.Output.Null();
        else x.Output.Bulk(Encoding.ASCII.GetBytes(x.Client.Name));
    }

    private static void SetInfo(RespExecutor x, RespArguments arguments)
    {
        bool name = Ascii.EqualsIgnoreCase(arguments[2], "LIB-NAME"u8);
        if (!name && !Ascii.EqualsIgnoreCase(arguments[2], "LIB-VER"u8))
        {
            x.Error($"ERR Unrecognized option '{UnknownText.Echo(arguments[2], 128)}'");
            return;
        }
        if (!IsPrintable(arguments[3]))
        {
            x.Error(name ? "ERR lib-name cannot contain spaces, newlines or special characters."u8 : "ERR lib-ver cannot contain spaces, newlines or special characters."u8);
            return;
        }
        string text = Encoding.ASCII.GetString(arguments[3]);
        if (name) x.Client.LibraryName = text;
        else x.Client.LibraryVersion = text;
        x.Output.Simple("OK"u8);
    }

    // Accepted for the clients that send it: nothing is evicted here because of a client's buffers.
    private static void NoEvict(RespExecutor x, RespArguments arguments)
    {
        if (Ascii.EqualsIgnoreCase(arguments[2], "ON"u8) || Ascii.EqualsIgnoreCase(arguments[2], "OFF"u8)) x.Output.Simple("OK"u8);
        else x.Error(RespErrors.Syntax);
    }

    private static void Reply(RespExecutor x, RespArguments arguments)
    {
        if (Ascii.EqualsIgnoreCase(arguments[2], "ON"u8))
        {
            x.Client.ReplyMode = ReplyMode.On;
            x.Output.Simple("OK"u8);
        }
        else if (Ascii.EqualsIgnoreCase(arguments[2], "OFF"u8))
        {
            x.Client.ReplyMode = ReplyMode.Off;
        }
        else if (Ascii.EqualsIgnoreCase(arguments[2], "SKIP"u8))
        {
            if (x.Client.ReplyMode != ReplyMode.Off) x.Client.ReplyMode = ReplyMode.SkipNext;
        }
        else
        {
            x.Error(RespErrors.Syntax);
        }
    }

    private static void List(RespExecutor x, RespArguments arguments)
    {
        if (arguments.Count > 2)
        {
            x.Error(RespErrors.Syntax);
            return;
        }
        StringBuilder text = new();
        foreach (RespClient client in x.Server.Clients) text.Append(Describe(x, client));
        x.Output.Verbatim(Encoding.Latin1.GetBytes(text.ToString()));
    }

    private static string Describe(RespExecutor x, RespClient client)
    {
        string flags = client.InTransaction ? "x" : "N";
        return $"id={client.Id} addr={client.RemoteAddress} laddr={client.LocalAddress} fd=-1 name={client.Name}"
            + $" age={(long)(x.Now - client.ConnectedAt).TotalSeconds} idle={(long)(x.Now - client.ActiveAt).TotalSeconds} flags={flags} db=0 sub=0 psub=0 ssub=0"
            + $" multi={(client.InTransaction ? client.Queue.Count : -1)} watch={client.Watches.Count} cmd={client.LastCommand?.Name ?? "NULL"} user=default"
            + $" resp={client.Protocol} lib-name={client.LibraryName} lib-ver={client.LibraryVersion} tot-cmds={client.Commands}\n";
    }
}
