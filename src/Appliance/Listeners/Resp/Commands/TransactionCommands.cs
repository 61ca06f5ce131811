using Appliance.Listeners.Resp.Protocol;
using Appliance.State;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>Transactions (multi.c of Redis). EXEC is one batch: on every node all of it is applied or nothing.</summary>
internal static class TransactionCommands
{
    private const CommandFlags Flags = CommandFlags.Loading | CommandFlags.Fast;

    /// <summary>Marks EXEC, which the executor starts itself because it may have to be tried again.</summary>
    public static readonly CommandHandler Exec = (_, _) => throw new InvalidOperationException("EXEC is started by the executor");

    public static readonly RespCommand[] All =
    [
        new("multi", 1, Flags | CommandFlags.NotQueued, "transactions", "1.2.0", "Mark the start of a transaction block", Multi),
        new("exec", 1, CommandFlags.Loading | CommandFlags.NotQueued, "transactions", "1.2.0", "Execute all commands issued after MULTI", Exec),
        new("discard", 1, Flags | CommandFlags.NotQueued, "transactions", "2.0.0", "Discard all commands issued after MULTI", Discard),
        new("watch", -2, CommandFlags.Fast | CommandFlags.NotQueued, "transactions", "2.2.0", "Watch the given keys to determine execution of the MULTI/EXEC block", Watch) { Keys = KeyPositions.All },
        new("unwatch", 1, Flags, "transactions", "2.2.0", "Forget about all watched keys", Unwatch),
    ];

    /// <summary>Ends the transaction of the client: does all of it or nothing.</summary>
    public static ExecutionOutcome TryExec(RespExecutor x, bool refuseIfBusy)
    {
        RespClient client = x.Client;
        if (!client.InTransaction)
        {
            x.Error(RespErrors.ExecWithoutMulti);
            return ExecutionOutcome.Done;
        }
        WriteRefusal refusal = client.Queue.HasWrites ? Check(x, client.Queue) : WriteRefusal.None;
        if (refusal == WriteRefusal.Busy && !refuseIfBusy) return ExecutionOutcome.Busy;
        if (refusal != WriteRefusal.None) x.AbortTransaction(x.Count(refusal));
        else if (client.TransactionFailed) x.Error(RespErrors.ExecAbort);
        else if (client.Watches.HasChanged(x.Store)) Conflict(x);
        else x.ExecuteQueue(client.Queue);
        client.EndTransaction(x.Pool);
        return ExecutionOutcome.Done;
    }

    // Refusals are looked for in all commands before the first is done.
    private static WriteRefusal Check(RespExecutor x, TransactionQueue queue)
    {
        int records = 0;
        long bytes = 0;
        for (int i = 0; i < queue.Count; i++)
        {
            RespArguments arguments = queue.Get(i, out RespCommand command);
            if (!command.IsWrite) continue;
            WriteRefusal refusal = x.CheckKeys(command, arguments, ref records, ref bytes);
            if (refusal != WriteRefusal.None) return refusal;
        }
        return WriteRefusal.None;
    }

    private static void Conflict(RespExecutor x)
    {
        x.Counters.TransactionsConflicted++;
        x.Output.NullArray();
    }

    private static void Multi(RespExecutor x, RespArguments arguments)
    {
        if (x.Client.InTransaction)
        {
            x.Error(RespErrors.NestedMulti);
            return;
        }
        x.Client.InTransaction = true;
        x.Output.Simple("OK"u8);
    }

    private static void Discard(RespExecutor x, RespArguments arguments)
    {
        if (!x.Client.InTransaction)
        {
            x.Error(RespErrors.DiscardWithoutMulti);
            return;
        }
        x.Client.EndTransaction(x.Pool);
        x.Output.Simple("OK"u8);
    }

    private static void Watch(RespExecutor x, RespArguments arguments)
    {
        RespClient client = x.Client;
        if (client.InTransaction)
        {
            x.Error(RespErrors.WatchInsideMulti);
            return;
        }
        if (client.Watches.Count + arguments.Count - 1 > x.Options.MaxWatchedKeys)
        {
            x.Counters.RefusedTooLarge++;
            x.Error(RespErrors.TooManyWatchedKeys);
            return;
        }
        for (int i = 1; i < arguments.Count; i++)
        {
            if (client.Watches.TryAdd(arguments[i], x.Store, x.Pool)) continue;
            x.Error(RespErrors.BuffersExhausted);
            return;
        }
        x.Output.Simple("OK"u8);
    }

    // Queued in a transaction it comes too late for it, as in Redis: EXEC has looked at the keys by then and forgets them anyway.
    private static void Unwatch(RespExecutor x, RespArguments arguments)
    {
        x.Client.Watches.Release(x.Pool);
        x.Output.Simple("OK"u8);
    }
}
