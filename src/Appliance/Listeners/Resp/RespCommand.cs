using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp;

/// <summary>Executes a command whose arity was checked, and writes exactly one reply (none when the client is blocked).</summary>
internal delegate void CommandHandler(RespExecutor executor, RespArguments arguments);

/// <summary>What is to be known of a command before it is executed; the names of COMMAND INFO.</summary>
[Flags]
internal enum CommandFlags : ushort
{
    None = 0,

    /// <summary>Changes keys: refused on a secondary.</summary>
    Write = 1,

    /// <summary>Reads keys.</summary>
    ReadOnly = 2,

    /// <summary>May need memory: refused at the memory limit.</summary>
    DenyOutOfMemory = 4,

    /// <summary>Allowed while the state is being recovered.</summary>
    Loading = 8,

    /// <summary>Allowed before authentication.</summary>
    NoAuthentication = 16,

    /// <summary>Takes constant time.</summary>
    Fast = 32,

    /// <summary>Executed at once between MULTI and EXEC.</summary>
    NotQueued = 64,

    /// <summary>Blocks its client.</summary>
    Blocking = 128,
}

/// <summary>Where a command's keys stand among its arguments (as in COMMAND INFO): first, last (negative from the end), step.</summary>
internal readonly record struct KeyPositions(int First, int Last, int Step)
{
    public static readonly KeyPositions None = default;
    public static readonly KeyPositions One = new(1, 1, 1);
    public static readonly KeyPositions All = new(1, -1, 1);
    public static readonly KeyPositions Pairs = new(1, -1, 2);

    /// <summary>Index of the last key for a number of arguments.</summary>
    public int LastFor(int argumentCount) => Last >= 0 ? Last : argumentCount + Last;
}

/// <summary>A command, or a subcommand, as the table describes it.</summary>
internal sealed class RespCommand
{
    private static readonly (CommandFlags Flag, string Name)[] FlagNames =
    [
        (CommandFlags.Write, "write"), (CommandFlags.ReadOnly, "readonly"), (CommandFlags.DenyOutOfMemory, "denyoom"), (CommandFlags.Loading, "loading"),
        (CommandFlags.NoAuthentication, "no_auth"), (CommandFlags.Fast, "fast"), (CommandFlags.NotQueued, "no_multi"), (CommandFlags.Blocking, "blocking"),
    ];

    /// <param name="name">In lower case; "client|setname" for a subcommand.</param>
    /// <param name="arity">Arguments with the name; negative: at least so many.</param>
    /// <param name="flags">What must be checked before.</param>
    /// <param name="group">Group of COMMAND DOCS.</param>
    /// <param name="since">Version of Redis that brought it.</param>
    /// <param name="summary">One sentence.</param>
    /// <param name="handler">Null for a command that has only subcommands.</param>
    public RespCommand(string name, int arity, CommandFlags flags, string group, string since, string summary, CommandHandler? handler)
    {
        Name = name;
        NameBytes = Encoding.ASCII.GetBytes(name[(name.IndexOf('|') + 1)..]);
        Arity = arity;
        Flags = flags;
        Group = group;
        Since = since;
        Summary = summary;
        Handler = handler;
        FlagList = [.. FlagNames.Where(pair => (flags & pair.Flag) != 0).Select(pair => Encoding.ASCII.GetBytes(pair.Name))];
    }

    public string Name { get; }

    /// <summary>The last part of <see cref="Name"/>.</summary>
    public byte[] NameBytes { get; }

    public int Arity { get; }

    public CommandFlags Flags { get; }

    public KeyPositions Keys { get; init; }

    public string Group { get; }

    public string Since { get; }

    public string Summary { get; }

    public CommandHandler? Handler { get; }

    public RespCommand[] Subcommands { get; init; } = [];

    /// <summary>Records it writes beside one per key: fields of a hash. Given the number of arguments.</summary>
    public Func<int, int>? Records { get; init; }

    /// <summary>Names of <see cref="Flags"/>.</summary>
    public byte[][] FlagList { get; }

    public bool IsWrite => (Flags & CommandFlags.Write) != 0;

    public bool Is(CommandFlags flag) => (Flags & flag) != 0;

    public bool Accepts(int argumentCount) => Arity >= 0 ? argumentCount == Arity : argumentCount >= -Arity;

    /// <summary>Records that it may write with so many arguments.</summary>
    public int RecordsFor(int argumentCount)
    {
        if (Records is not null) return Records(argumentCount);
        return Keys.Step == 0 ? 0 : (Keys.LastFor(argumentCount) - Keys.First) / Keys.Step + 1;
    }
}
