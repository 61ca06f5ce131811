using System.Text;
using Appliance.Listeners.Resp.Protocol;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Listeners.Resp;

/// <summary>What became of a command.</summary>
internal enum ExecutionOutcome : byte
{
    /// <summary>Its reply is written.</summary>
    Done,

    /// <summary>Nothing happened: the group's window is full. To be executed again later.</summary>
    Busy,

    /// <summary>The client waits (WAIT); its reply is written when the wait ends.</summary>
    Blocked,
}

/// <summary>
/// Executes commands of clients on a service's store and writes their replies: checks what must be checked before a command, queues transactions.
/// Knows nothing of sockets. Loop thread only; one command at a time.
/// </summary>
internal sealed class RespExecutor : IStoreObserver, IDisposable
{
    private enum Excess : byte
    {
        Batch,
        Key,
        Value,
    }

    private WriteRefusal _role;
    private Excess _excess;
    private bool _inBatch;

    /// <param name="store">The service's keys.</param>
    /// <param name="options">Limits.</param>
    /// <param name="counters">Counts what happens here.</param>
    /// <param name="pool">Memory of transactions and watched keys.</param>
    /// <param name="server">What INFO and CLIENT LIST ask for.</param>
    public RespExecutor(IServiceStore store, RespOptions options, RespCounters counters, NativeBufferPool pool, IRespServer server)
    {
        Store = store;
        Options = options;
        Counters = counters;
        Pool = pool;
        Server = server;
        Output = new RespWriter(64 * 1024, options.MaxReplyBytes);
        store.Subscribe(this);
        OnRoleChanged();
    }

    public IServiceStore Store { get; }

    public RespOptions Options { get; }

    public RespCounters Counters { get; }

    public NativeBufferPool Pool { get; }

    public IRespServer Server { get; }

    /// <summary>Replies, one after another.</summary>
    public RespWriter Output { get; }

    /// <summary>The client whose command is being executed.</summary>
    public RespClient Client { get; private set; } = new(0, true);

    /// <summary>Time at which the command is executed.</summary>
    public Timestamp Now { get; private set; }

    /// <summary>The command is part of EXEC.</summary>
    public bool InExec { get; private set; }

    /// <summary>The service's state is being recovered: nothing may be read.</summary>
    public bool IsRecovering => _role == WriteRefusal.Recovering;

    /// <summary>Memory for values that are put together from parts; valid until the next command that uses it.</summary>
    public ScratchBytes Scratch { get; } = new();

    /// <summary>Executes a command.</summary>
    /// <param name="now">The loop's time.</param>
    /// <param name="client">Who sent it.</param>
    /// <param name="arguments">Its arguments, at least the name.</param>
    /// <param name="refuseIfBusy">A full window is an error now, because the client has waited long enough.</param>
    public ExecutionOutcome Execute(Timestamp now, RespClient client, RespArguments arguments, bool refuseIfBusy = false)
    {
        Now = now;
        Client = client;
        Output.Protocol = client.Protocol;
        int mark = Output.BeginReply();
        Store.Dependency = default;
        ExecutionOutcome outcome = Dispatch(arguments, refuseIfBusy);
        if (outcome == ExecutionOutcome.Busy) return outcome;
        Counters.Commands++;
        client.Commands++;
        if (Output.Overflowed)
        {
            Counters.RepliesTooLarge++;
            Output.RollBack(mark);
            Error(RespErrors.ReplyTooLarge);
        }
        if (client.ReplyMode != ReplyMode.On) Mute(client, mark);
        return outcome;
    }

    /// <summary>Writes an error and counts it.</summary>
    public void Error(ReadOnlySpan<byte> text)
    {
        Counters.Errors++;
        Output.Error(text);
    }

    /// <summary>Writes an error with text that is not known beforehand; allocates.</summary>
    public void Error(string text) => Error(Encoding.Latin1.GetBytes(text));

    /// <summary>Ends a transaction undone and tells why.</summary>
    public void AbortTransaction(ReadOnlySpan<byte> reason)
    {
        Client.EndTransaction(Pool);
        Counters.Errors++;
        ReadOnlySpan<byte> generic = "ERR "u8, text = reason.StartsWith(generic) ? reason[generic.Length..] : reason;
        Span<byte> whole = stackalloc byte[256];
        RespErrors.ExecAbortBecause.CopyTo(whole);
        text.CopyTo(whole[RespErrors.ExecAbortBecause.Length..]);
        Output.Error(whole[..(RespErrors.ExecAbortBecause.Length + text.Length)]);
    }

    /// <summary>Reads a key for a command that reads, and counts whether it was there.</summary>
    public bool TryReadCounted(ReadOnlySpan<byte> key, out StoredValue value)
    {
        if (Store.TryRead(key, out value))
        {
            Counters.KeyHits++;
            return true;
        }
        Counters.KeyMisses++;
        return false;
    }

    /// <summary>Whether a value of a size that was not known before may be written; writes the error if not.</summary>
    public bool MayWrite(ReadOnlySpan<byte> key, long bytes)
    {
        if (bytes > Options.MaxValueBytes)
        {
            Counters.RefusedTooLarge++;
            Error(RespErrors.ValueTooLarge);
            return false;
        }
        WriteRefusal refusal = Store.CheckWrite(key, bytes);
        if (refusal is WriteRefusal.None or WriteRefusal.Busy) return true; // the window was asked before the command began
        if (refusal == WriteRefusal.TooLarge) TooLarge(Excess.Value);
        Refuse(refusal);
        return false;
    }

    /// <summary>What follows is one batch, unless EXEC has begun one already.</summary>
    public void BeginBatch()
    {
        if (!_inBatch) Store.BeginBatch();
    }

    /// <summary>Ends what <see cref="BeginBatch"/> began.</summary>
    public void EndBatch()
    {
        if (!_inBatch) Store.EndBatch();
    }

    /// <summary>Executes the commands of a transaction, which were checked, as one batch.</summary>
    public void ExecuteQueue(TransactionQueue queue)
    {
        bool writes = queue.HasWrites;
        if (writes) Store.BeginBatch();
        _inBatch = writes;
        InExec = true;
        try
        {
            Output.Array(queue.Count);
            for (int i = 0; i < queue.Count; i++)
            {
                RespArguments arguments = queue.Get(i, out RespCommand command);
                Output.Protocol = Client.Protocol;
                Run(command, arguments);
            }
        }
        finally
        {
            InExec = false;
            _inBatch = false;
            if (writes) Store.EndBatch();
        }
    }

    /// <summary>Looks for a reason why a writing command could not be done, for each of its keys, before anything is done.</summary>
    public WriteRefusal CheckKeys(RespCommand command, RespArguments arguments, ref int records, ref long bytes)
    {
        KeyPositions keys = command.Keys;
        bool grows = command.Is(CommandFlags.DenyOutOfMemory);
        int last = keys.LastFor(arguments.Count);
        for (int i = keys.First; i <= last; i += keys.Step)
        {
            ReadOnlySpan<byte> key = arguments[i];
            long size = grows ? SizeOf(command, arguments, i) : 0;
            if (key.Length > Options.MaxKeyBytes) return TooLarge(Excess.Key);
            WriteRefusal refusal = Store.CheckWrite(key, size);
            if (refusal == WriteRefusal.OutOfMemory && !grows) refusal = WriteRefusal.None;
            if (refusal == WriteRefusal.TooLarge) return TooLarge(Excess.Value);
            if (refusal != WriteRefusal.None) return refusal;
            bytes += key.Length + size;
        }
        if (grows && arguments.LargestFrom(2) > Options.MaxValueBytes) return TooLarge(Excess.Value);
        records += command.RecordsFor(arguments.Count);
        return records > Options.MaxBatchRecords || bytes > Options.MaxBatchBytes ? TooLarge(Excess.Batch) : WriteRefusal.None;
    }

    /// <summary>Counts a refusal and tells it.</summary>
    public void Refuse(WriteRefusal refusal) => Error(Count(refusal));

    /// <summary>Counts a refusal.</summary>
    /// <returns>Its text.</returns>
    public ReadOnlySpan<byte> Count(WriteRefusal refusal)
    {
        switch (refusal)
        {
            case WriteRefusal.NotPrimary:
                Counters.RefusedReadOnly++;
                return RespErrors.ReadOnly;
            case WriteRefusal.Recovering:
                Counters.RefusedLoading++;
                return RespErrors.Loading;
            case WriteRefusal.TooFewMembers:
                Counters.RefusedTooFewMembers++;
                return RespErrors.TooFewMembers;
            case WriteRefusal.OutOfMemory:
                Counters.RefusedOutOfMemory++;
                return RespErrors.OutOfMemory;
            case WriteRefusal.Busy:
                Counters.BusyRefusals++;
                return RespErrors.Busy;
            case WriteRefusal.TooLarge:
                Counters.RefusedTooLarge++;
                return _excess switch
                {
                    Excess.Key => RespErrors.KeyTooLarge,
                    Excess.Value => RespErrors.ValueTooLarge,
                    _ => RespErrors.BatchTooLarge,
                };
            default:
                throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "not a refusal");
        }
    }

    /// <summary>A store that may not be read or written for its role answers so for every key: it is asked once per change.</summary>
    public void OnRoleChanged()
    {
        WriteRefusal refusal = Store.CheckWrite("role"u8, 0);
        _role = refusal is WriteRefusal.NotPrimary or WriteRefusal.Recovering ? refusal : WriteRefusal.None;
    }

    void IStoreObserver.OnResolved()
    {
    }

    void IStoreObserver.OnWritable()
    {
    }

    public void Dispose()
    {
        Output.Dispose();
        Scratch.Dispose();
    }

    private ExecutionOutcome Dispatch(RespArguments arguments, bool refuseIfBusy)
    {
        RespCommand? command = CommandTable.Find(arguments[0]);
        if (command is null) return Reject(UnknownText.Command(arguments));
        if (command.Subcommands.Length > 0 && arguments.Count > 1)
        {
            RespCommand? subcommand = CommandTable.Find(command, arguments[1]);
            if (subcommand is null) return Reject(UnknownText.Subcommand(command, arguments[1]));
            command = subcommand;
        }
        if (!command.Accepts(arguments.Count)) return Reject(UnknownText.Arity(command), command);
        if (!Client.IsAuthenticated && !command.Is(CommandFlags.NoAuthentication)) return Reject(RespErrors.NoAuthentication, command);
        bool queues = Client.InTransaction && !command.Is(CommandFlags.NotQueued);
        if (command.IsWrite)
        {
            WriteRefusal refusal = CheckWrite(command, arguments);
            if (refusal == WriteRefusal.Busy && queues) refusal = WriteRefusal.None; // the window matters to EXEC
            if (refusal == WriteRefusal.Busy && !refuseIfBusy) return ExecutionOutcome.Busy;
            if (refusal != WriteRefusal.None) return Reject(Count(refusal));
        }
        else if (IsRecovering && !command.Is(CommandFlags.Loading))
        {
            return Reject(Count(WriteRefusal.Recovering));
        }
        Client.LastCommand = command;
        if (queues) return Enqueue(command, arguments);
        if (command.Handler == Commands.TransactionCommands.Exec) return Commands.TransactionCommands.TryExec(this, refuseIfBusy);
        Run(command, arguments);
        return Client.Wait is null ? ExecutionOutcome.Done : ExecutionOutcome.Blocked;
    }

    private void Run(RespCommand command, RespArguments arguments)
    {
        command.Handler!(this, arguments);
        if (command.IsWrite) Client.LastWrite = Store.LastTicket;
    }

    private WriteRefusal CheckWrite(RespCommand command, RespArguments arguments)
    {
        if (_role != WriteRefusal.None) return _role;
        int records = 0;
        long bytes = 0;
        return CheckKeys(command, arguments, ref records, ref bytes);
    }

    private ExecutionOutcome Enqueue(RespCommand command, RespArguments arguments)
    {
        TransactionQueue queue = Client.Queue;
        if (queue.Count >= Options.MaxTransactionCommands || queue.Bytes + arguments.BytesFrom(0) > Options.MaxCommandBytes)
        {
            Counters.RefusedTooLarge++;
            return Reject(RespErrors.TransactionTooLarge);
        }
        if (!queue.TryAdd(command, arguments, Pool)) return Reject(RespErrors.BuffersExhausted);
        Output.Simple("QUEUED"u8);
        return ExecutionOutcome.Done;
    }

    private WriteRefusal TooLarge(Excess excess)
    {
        _excess = excess;
        return WriteRefusal.TooLarge;
    }

    // What a key will roughly take: its own value in MSET, all fields of a hash, else the largest argument (the others are options).
    private static long SizeOf(RespCommand command, RespArguments arguments, int keyIndex)
    {
        if (command.Keys.Step == 2) return keyIndex + 1 < arguments.Count ? arguments[keyIndex + 1].Length : 0;
        return command.Records is null ? arguments.LargestFrom(keyIndex + 1) : arguments.BytesFrom(keyIndex + 1);
    }

    // A command that is refused before it is executed also dooms the transaction it belongs to; EXEC itself ends it.
    private ExecutionOutcome Reject(ReadOnlySpan<byte> text, RespCommand? command = null)
    {
        if (command?.Handler == Commands.TransactionCommands.Exec)
        {
            AbortTransaction(text);
            return ExecutionOutcome.Done;
        }
        if (Client.InTransaction) Client.TransactionFailed = true;
        Error(text);
        return ExecutionOutcome.Done;
    }

    private ExecutionOutcome Reject(string text, RespCommand? command = null) => Reject(Encoding.Latin1.GetBytes(text), command);

    private void Mute(RespClient client, int mark)
    {
        switch (client.ReplyMode)
        {
            case ReplyMode.Off:
            case ReplyMode.Skip:
                Output.RollBack(mark);
                if (client.ReplyMode == ReplyMode.Skip) client.ReplyMode = ReplyMode.On;
                break;
            case ReplyMode.SkipNext:
                client.ReplyMode = ReplyMode.Skip;
                break;
        }
    }
}
