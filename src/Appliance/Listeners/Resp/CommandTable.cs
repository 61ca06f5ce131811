using System.Text;
using Appliance.Listeners.Resp.Commands;

namespace Appliance.Listeners.Resp;

/// <summary>All commands, found by name in any case without allocating.</summary>
internal static class CommandTable
{
    private const int Slots = 512; // a power of two, some six times the number of commands, so that nearly each is found at once
    private static readonly RespCommand?[] Table = new RespCommand?[Slots];

    static CommandTable()
    {
        RespCommand[] all =
        [
            .. ConnectionCommands.All, .. ServerCommands.All, .. StringCommands.All, .. CounterCommands.All, .. KeyCommands.All,
            .. ExpiryCommands.All, .. HashCommands.All, .. TransactionCommands.All,
        ];
        All = [.. all.OrderBy(command => command.Name, StringComparer.Ordinal)];
        foreach (RespCommand command in All)
        {
            int slot = SlotOf(command.NameBytes);
            while (Table[slot] is not null) slot = (slot + 1) % Slots;
            Table[slot] = command;
        }
    }

    /// <summary>In the order of their names.</summary>
    public static IReadOnlyList<RespCommand> All { get; }

    public static RespCommand? Find(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty) return null;
        for (int slot = SlotOf(name); ; slot = (slot + 1) % Slots)
        {
            RespCommand? candidate = Table[slot];
            if (candidate is null || Ascii.EqualsIgnoreCase(candidate.NameBytes, name)) return candidate;
        }
    }

    /// <summary>Finds a subcommand of a command.</summary>
    public static RespCommand? Find(RespCommand container, ReadOnlySpan<byte> name)
    {
        foreach (RespCommand candidate in container.Subcommands)
        {
            if (Ascii.EqualsIgnoreCase(candidate.NameBytes, name)) return candidate;
        }
        return null;
    }

    // Length, first, middle and last letter tell nearly all commands apart.
    private static int SlotOf(ReadOnlySpan<byte> name)
    {
        int length = name.Length;
        int mixed = length + (name[0] & 0xDF) * 31 + (name[length - 1] & 0xDF) * 7 + (name[length / 2] & 0xDF) * 127 + (name[length > 2 ? 2 : 0] & 0xDF) * 13;
        return mixed & (Slots - 1);
    }
}
