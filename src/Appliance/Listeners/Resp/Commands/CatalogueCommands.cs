using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>COMMAND and its subcommands: what this server understands.</summary>
internal static class CatalogueCommands
{
    private const CommandFlags Flags = CommandFlags.Loading;

    public static readonly RespCommand Command = new("command", -1, Flags, "server", "2.8.13", "Get array of Redis command details", (x, _) => DescribeAll(x))
    {
        Subcommands =
        [
            new("command|count", 2, Flags, "server", "2.8.13", "Get total number of Redis commands", (x, _) => x.Output.Integer(CommandTable.All.Count)),
            new("command|docs", -2, Flags, "server", "7.0.0", "Get array of specific Redis command documentation", Docs),
            new("command|info", -2, Flags, "server", "2.8.13", "Get array of specific Redis command details", Info),
            new("command|list", -2, Flags, "server", "7.0.0", "Get an array of Redis command names", List),
        ],
    };

    private static void DescribeAll(RespExecutor x)
    {
        x.Output.Array(CommandTable.All.Count);
        foreach (RespCommand command in CommandTable.All) Describe(x.Output, command);
    }

    private static void Info(RespExecutor x, RespArguments arguments)
    {
        if (arguments.Count == 2)
        {
            DescribeAll(x);
            return;
        }
        x.Output.Array(arguments.Count - 2);
        for (int i = 2; i < arguments.Count; i++)
        {
            if (Find(arguments[i]) is { } command) Describe(x.Output, command);
            else x.Output.NullArray();
        }
    }

    private static RespCommand? Find(ReadOnlySpan<byte> name)
    {
        int bar = name.IndexOf((byte)'|');
        if (bar < 0) return CommandTable.Find(name);
        return CommandTable.Find(name[..bar]) is { } container ? CommandTable.Find(container, name[(bar + 1)..]) : null;
    }

    // The ten elements of Redis 7; access categories, tips and key specifications are empty.
    private static void Describe(RespWriter output, RespCommand command)
    {
        output.Array(10);
        output.Bulk(Encoding.ASCII.GetBytes(command.Name));
        output.Integer(command.Arity);
        output.Set(command.FlagList.Length);
        foreach (byte[] flag in command.FlagList) output.Simple(flag);
        output.Integer(command.Keys.First);
        output.Integer(command.Keys.Last);
        output.Integer(command.Keys.Step);
        output.Set(0);
        output.Array(0);
        output.Array(0);
        output.Array(command.Subcommands.Length);
        foreach (RespCommand subcommand in command.Subcommands) Describe(output, subcommand);
    }

    private static void List(RespExecutor x, RespArguments arguments)
    {
        if (arguments.Count > 2)
        {
            x.Error(RespErrors.Syntax);
            return;
        }
        x.Output.Array(CommandTable.All.Count);
        foreach (RespCommand command in CommandTable.All) x.Output.Bulk(command.NameBytes);
    }

    private static void Docs(RespExecutor x, RespArguments arguments)
    {
        int start = x.Output.Length, found = 0;
        if (arguments.Count == 2)
        {
            foreach (RespCommand command in CommandTable.All) Document(x.Output, command);
            found = CommandTable.All.Count;
        }
        for (int i = 2; i < arguments.Count; i++)
        {
            if (Find(arguments[i]) is not { } command) continue;
            Document(x.Output, command);
            found++;
        }
        x.Output.InsertMap(start, found);
    }

    private static void Document(RespWriter output, RespCommand command)
    {
        output.Bulk(Encoding.ASCII.GetBytes(command.Name));
        output.Map(command.Subcommands.Length > 0 ? 4 : 3);
        output.Bulk("summary"u8);
        output.Bulk(Encoding.ASCII.GetBytes(command.Summary));
        output.Bulk("since"u8);
        output.Bulk(Encoding.ASCII.GetBytes(command.Since));
        output.Bulk("group"u8);
        output.Bulk(Encoding.ASCII.GetBytes(command.Group));
        if (command.Subcommands.Length == 0) return;
        output.Bulk("subcommands"u8);
        output.Map(command.Subcommands.Length);
        foreach (RespCommand subcommand in command.Subcommands) Document(output, subcommand);
    }
}
