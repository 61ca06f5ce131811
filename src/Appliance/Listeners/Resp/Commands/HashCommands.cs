using Appliance.Listeners.Resp.Protocol;
using Appliance.State;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>Commands on hashes (t_hash.c of Redis). Each field is a record of its own.</summary>
internal static class HashCommands
{
    private const CommandFlags Writes = CommandFlags.Write | CommandFlags.DenyOutOfMemory | CommandFlags.Fast;
    private const CommandFlags Reads = CommandFlags.ReadOnly | CommandFlags.Fast;

    public static readonly RespCommand[] All =
    [
        new("hset", -4, Writes, "hash", "2.0.0", "Set the string value of a hash field", (x, a) => Set(x, a, "hset")) { Keys = KeyPositions.One, Records = count => count / 2 - 1 },
        new("hmset", -4, Writes, "hash", "2.0.0", "Set multiple hash fields to multiple values", (x, a) => Set(x, a, "hmset")) { Keys = KeyPositions.One, Records = count => count / 2 - 1 },
        new("hsetnx", 4, Writes, "hash", "2.0.0", "Set the value of a hash field, only if the field does not exist", SetIfAbsent) { Keys = KeyPositions.One, Records = _ => 1 },
        new("hget", 3, Reads, "hash", "2.0.0", "Get the value of a hash field", Get) { Keys = KeyPositions.One },
        new("hmget", -3, Reads, "hash", "2.0.0", "Get the values of all the given hash fields", GetMany) { Keys = KeyPositions.One },
        new("hgetall", 2, CommandFlags.ReadOnly, "hash", "2.0.0", "Get all the fields and values in a hash", (x, a) => GetAll(x, a, names: true, values: true)) { Keys = KeyPositions.One },
        new("hkeys", 2, CommandFlags.ReadOnly, "hash", "2.0.0", "Get all the fields in a hash", (x, a) => GetAll(x, a, names: true, values: false)) { Keys = KeyPositions.One },
        new("hvals", 2, CommandFlags.ReadOnly, "hash", "2.0.0", "Get all the values in a hash", (x, a) => GetAll(x, a, names: false, values: true)) { Keys = KeyPositions.One },
        new("hdel", -3, CommandFlags.Write | CommandFlags.Fast, "hash", "2.0.0", "Delete one or more hash fields", Delete) { Keys = KeyPositions.One, Records = count => count - 2 },
        new("hlen", 2, Reads, "hash", "2.0.0", "Get the number of fields in a hash", Count) { Keys = KeyPositions.One },
        new("hexists", 3, Reads, "hash", "2.0.0", "Determine if a hash field exists", Exists) { Keys = KeyPositions.One },
        new("hincrby", 4, Writes, "hash", "2.0.0", "Increment the integer value of a hash field by the given number", Increment) { Keys = KeyPositions.One, Records = _ => 1 },
        new("hscan", -3, CommandFlags.ReadOnly, "hash", "2.8.0", "Incrementally iterate hash fields and associated values", Scan) { Keys = KeyPositions.One },
    ];

    private enum HashState : byte
    {
        Absent,
        Present,
        WrongType,
    }

    private static HashState Open(RespExecutor x, ReadOnlySpan<byte> key, bool counted)
    {
        bool found = counted ? x.TryReadCounted(key, out StoredValue value) : x.Store.TryRead(key, out value);
        if (!found) return HashState.Absent;
        if (value.Kind == RecordKind.Hash) return HashState.Present;
        x.Error(RespErrors.WrongType);
        return HashState.WrongType;
    }

    private static void Set(RespExecutor x, RespArguments arguments, string name)
    {
        if (arguments.Count % 2 == 1)
        {
            x.Error($"ERR wrong number of arguments for '{name}' command");
            return;
        }
        ReadOnlySpan<byte> key = arguments[1];
        if (Open(x, key, counted: false) == HashState.WrongType) return;
        for (int i = 2; i < arguments.Count; i += 2)
        {
            if (!IsFieldName(x, arguments[i])) return;
        }
        int added = 0;
        bool several = arguments.Count > 4;
        if (several) x.BeginBatch();
        for (int i = 2; i < arguments.Count; i += 2)
        {
            if (x.Store.SetField(key, arguments[i], arguments[i + 1])) added++;
        }
        if (several) x.EndBatch();
        if (name == "hset") x.Output.Integer(added);
        else x.Output.Simple("OK"u8);
    }

    private static bool IsFieldName(RespExecutor x, ReadOnlySpan<byte> field)
    {
        if (field.Length <= x.Options.MaxKeyBytes) return true;
        x.Counters.RefusedTooLarge++;
        x.Error(RespErrors.KeyTooLarge);
        return false;
    }

    private static void SetIfAbsent(RespExecutor x, RespArguments arguments)
    {
        if (Open(x, arguments[1], counted: false) == HashState.WrongType || !IsFieldName(x, arguments[2])) return;
        bool exists = x.Store.TryReadField(arguments[1], arguments[2], out _);
        if (!exists) x.Store.SetField(arguments[1], arguments[2], arguments[3]);
        x.Output.Integer(exists ? 0 : 1);
    }

    private static void Get(RespExecutor x, RespArguments arguments)
    {
        if (Open(x, arguments[1], counted: true) != HashState.WrongType) WriteField(x, arguments[1], arguments[2]);
    }

    private static void GetMany(RespExecutor x, RespArguments arguments)
    {
        if (Open(x, arguments[1], counted: true) == HashState.WrongType) return;
        x.Output.Array(arguments.Count - 2);
        for (int i = 2; i < arguments.Count; i++) WriteField(x, arguments[1], arguments[i]);
    }

    private static void WriteField(RespExecutor x, ReadOnlySpan<byte> key, ReadOnlySpan<byte> field)
    {
        if (x.Store.TryReadField(key, field, out StoredValue value)) x.Output.Bulk(value.Bytes);
        else x.Output.Null();
    }

    private static void GetAll(RespExecutor x, RespArguments arguments, bool names, bool values)
    {
        HashState state = Open(x, arguments[1], counted: true);
        if (state == HashState.WrongType) return;
        int start = x.Output.Length;
        FieldVisitor visitor = new() { Output = x.Output, Names = names, Values = values };
        if (state == HashState.Present) x.Store.VisitFields(arguments[1], ref visitor);
        if (names && values) x.Output.InsertMap(start, visitor.Found);
        else x.Output.InsertArray(start, visitor.Found);
    }

    private static void Delete(RespExecutor x, RespArguments arguments)
    {
        HashState state = Open(x, arguments[1], counted: false);
        if (state == HashState.WrongType) return;
        int deleted = 0;
        if (state == HashState.Present)
        {
            bool several = arguments.Count > 3;
            if (several) x.BeginBatch();
            for (int i = 2; i < arguments.Count; i++)
            {
                if (x.Store.DeleteField(arguments[1], arguments[i])) deleted++;
            }
            if (several) x.EndBatch();
        }
        x.Output.Integer(deleted);
    }

    private static void Count(RespExecutor x, RespArguments arguments)
    {
        HashState state = Open(x, arguments[1], counted: true);
        if (state != HashState.WrongType) x.Output.Integer(state == HashState.Absent ? 0 : x.Store.FieldCount(arguments[1]));
    }

    private static void Exists(RespExecutor x, RespArguments arguments)
    {
        if (Open(x, arguments[1], counted: true) == HashState.WrongType) return;
        x.Output.Integer(x.Store.TryReadField(arguments[1], arguments[2], out _) ? 1 : 0);
    }

    private static void Increment(RespExecutor x, RespArguments arguments)
    {
        if (!RespNumber.TryParse(arguments[3], out long amount))
        {
            x.Error(RespErrors.NotAnInteger);
            return;
        }
        if (Open(x, arguments[1], counted: false) == HashState.WrongType || !IsFieldName(x, arguments[2])) return;
        long number = 0;
        if (x.Store.TryReadField(arguments[1], arguments[2], out StoredValue value) && !RespNumber.TryParse(value.Bytes, out number))
        {
            x.Error(RespErrors.HashValueNotAnInteger);
            return;
        }
        if (!CounterCommands.TryAdd(number, amount, out long sum))
        {
            x.Error(RespErrors.WouldOverflow);
            return;
        }
        Span<byte> text = stackalloc byte[RespNumber.MaxBytes];
        x.Store.SetField(arguments[1], arguments[2], text[..RespNumber.Format(sum, text)]);
        x.Output.Integer(sum);
    }

    // The whole hash in one answer, as Redis does with hashes in their compact form.
    private static void Scan(RespExecutor x, RespArguments arguments)
    {
        if (!RespNumber.TryParseCursor(arguments[2], out _))
        {
            x.Error(RespErrors.InvalidCursor);
            return;
        }
        HashState state = Open(x, arguments[1], counted: true);
        if (state == HashState.WrongType) return;
        int start = x.Output.Length;
        FieldVisitor visitor = new() { Output = x.Output, Names = true, Values = true };
        if (state == HashState.Present)
        {
            if (!ScanOptions.TryParse(x, arguments, 3, allowType: false, out visitor.Options)) return;
            visitor.IsScan = true;
            x.Store.VisitFields(arguments[1], ref visitor);
        }
        x.Output.InsertArray(start, 2 * visitor.Found);
        KeyCommands.InsertCursor(x.Output, start, 0);
    }

    private ref struct FieldVisitor : IStoreVisitor
    {
        public RespWriter Output;
        public ScanOptions Options;
        public bool Names, Values, IsScan;
        public int Found;

        public void Visit(ReadOnlySpan<byte> name, in StoredValue value)
        {
            if (IsScan && !Options.Matches(name)) return;
            if (Names) Output.Bulk(name);
            if (Values) Output.Bulk(value.Bytes);
            Found++;
        }
    }
}
