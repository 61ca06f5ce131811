using Appliance.Listeners.Resp.Protocol;
using Appliance.State;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>Commands on plain values (t_string.c of Redis).</summary>
internal static class StringCommands
{
    private const CommandFlags Writes = CommandFlags.Write | CommandFlags.DenyOutOfMemory;
    private const CommandFlags Reads = CommandFlags.ReadOnly | CommandFlags.Fast;

    public static readonly RespCommand[] All =
    [
        new("get", 2, Reads, "string", "1.0.0", "Get the value of a key", Get) { Keys = KeyPositions.One },
        new("set", -3, Writes, "string", "1.0.0", "Set the string value of a key", Set) { Keys = KeyPositions.One },
        new("setnx", 3, Writes | CommandFlags.Fast, "string", "1.0.0", "Set the value of a key, only if the key does not exist", SetIfAbsent) { Keys = KeyPositions.One },
        new("setex", 4, Writes, "string", "2.0.0", "Set the value and expiration of a key", (x, a) => SetWithExpiry(x, a, ExpiryUnit.Seconds, "setex")) { Keys = KeyPositions.One },
        new("psetex", 4, Writes, "string", "2.6.0", "Set the value and expiration in milliseconds of a key", (x, a) => SetWithExpiry(x, a, ExpiryUnit.Milliseconds, "psetex")) { Keys = KeyPositions.One },
        new("getset", 3, Writes | CommandFlags.Fast, "string", "1.0.0", "Set the string value of a key and return its old value", GetSet) { Keys = KeyPositions.One },
        new("getex", -2, CommandFlags.Write | CommandFlags.Fast, "string", "6.2.0", "Get the value of a key and optionally set its expiration", GetWithExpiry) { Keys = KeyPositions.One },
        new("getdel", 2, CommandFlags.Write | CommandFlags.Fast, "string", "6.2.0", "Get the value of a key and delete the key", GetDelete) { Keys = KeyPositions.One },
        new("mget", -2, Reads, "string", "1.0.0", "Get the values of all the given keys", GetMany) { Keys = KeyPositions.All },
        new("mset", -3, Writes, "string", "1.0.1", "Set multiple keys to multiple values", SetMany) { Keys = KeyPositions.Pairs },
        new("append", 3, Writes | CommandFlags.Fast, "string", "2.0.0", "Append a value to a key", Append) { Keys = KeyPositions.One },
        new("strlen", 2, Reads, "string", "2.2.0", "Get the length of the value stored in a key", Length) { Keys = KeyPositions.One },
    ];

    private static void Get(RespExecutor x, RespArguments arguments) => TryGet(x, arguments[1]);

    // Answers with the value or null; false when the answer was an error.
    private static bool TryGet(RespExecutor x, ReadOnlySpan<byte> key)
    {
        if (!x.TryReadCounted(key, out StoredValue value))
        {
            x.Output.Null();
            return true;
        }
        if (value.Kind == RecordKind.TlsSession && TlsSessionView.TryParse(value.Bytes, out TlsSessionView session))
        {
            x.Output.Bulk(session.Identity); // never what resumes it
            return true;
        }
        if (!value.IsPlain)
        {
            x.Error(RespErrors.WrongType);
            return false;
        }
        x.Output.Bulk(value.Bytes);
        return true;
    }

    private static void Set(RespExecutor x, RespArguments arguments)
    {
        ReadOnlySpan<byte> key = arguments[1];
        if (arguments.Count == 3)
        {
            x.Store.Set(key, arguments[2], 0);
            x.Output.Simple("OK"u8);
            return;
        }
        if (!SetOptions.TryParse(x, arguments, 3, isSet: true, out SetOptions options)) return;
        if (!options.TryGetExpiry(x, "set", out long expiry)) return;
        bool exists;
        if (options.ReturnsOld)
        {
            if (!TryGet(x, key)) return;
            exists = x.Store.TryRead(key, out _);
        }
        else
        {
            exists = (options.IfAbsent || options.IfPresent) && x.Store.TryRead(key, out _);
        }
        if (options.IfAbsent && exists || options.IfPresent && !exists)
        {
            if (!options.ReturnsOld) x.Output.Null();
            return;
        }
        if (options.KeepsExpiry && x.Store.TryRead(key, out StoredValue old)) expiry = old.ExpiryMilliseconds;
        Store(x, key, arguments[2], expiry);
        if (!options.ReturnsOld) x.Output.Simple("OK"u8);
    }

    // A time that has passed already deletes at once instead of leaving a record that nobody can see.
    private static void Store(RespExecutor x, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiry)
    {
        if (expiry != 0 && expiry <= x.Store.NowMilliseconds) x.Store.Delete(key);
        else x.Store.Set(key, value, expiry);
    }

    private static void SetIfAbsent(RespExecutor x, RespArguments arguments)
    {
        bool exists = x.Store.TryRead(arguments[1], out _);
        if (!exists) x.Store.Set(arguments[1], arguments[2], 0);
        x.Output.Integer(exists ? 0 : 1);
    }

    private static void SetWithExpiry(RespExecutor x, RespArguments arguments, ExpiryUnit unit, string name)
    {
        if (!Expiry.TryParse(x, arguments[2], unit, name, out long expiry)) return;
        x.Store.Set(arguments[1], arguments[3], expiry);
        x.Output.Simple("OK"u8);
    }

    private static void GetSet(RespExecutor x, RespArguments arguments)
    {
        if (!TryGet(x, arguments[1])) return;
        x.Store.Set(arguments[1], arguments[2], 0);
    }

    private static void GetWithExpiry(RespExecutor x, RespArguments arguments)
    {
        ReadOnlySpan<byte> key = arguments[1];
        if (!SetOptions.TryParse(x, arguments, 2, isSet: false, out SetOptions options)) return;
        if (!x.TryReadCounted(key, out StoredValue value))
        {
            x.Output.Null();
            return;
        }
        if (!value.IsPlain)
        {
            x.Error(RespErrors.WrongType);
            return;
        }
        if (!options.TryGetExpiry(x, "getex", out long expiry)) return;
        x.Output.Bulk(value.Bytes);
        long before = value.ExpiryMilliseconds;
        if (expiry != 0 && expiry <= x.Store.NowMilliseconds) x.Store.Delete(key);
        else if (expiry != 0 || options.Persists && before != 0) x.Store.SetExpiry(key, expiry);
    }

    private static void GetDelete(RespExecutor x, RespArguments arguments)
    {
        if (TryGet(x, arguments[1])) x.Store.Delete(arguments[1]);
    }

    private static void GetMany(RespExecutor x, RespArguments arguments)
    {
        x.Output.Array(arguments.Count - 1);
        for (int i = 1; i < arguments.Count; i++)
        {
            if (x.TryReadCounted(arguments[i], out StoredValue value) && value.IsPlain) x.Output.Bulk(value.Bytes);
            else x.Output.Null();
        }
    }

    private static void SetMany(RespExecutor x, RespArguments arguments)
    {
        if (arguments.Count % 2 == 0)
        {
            x.Error("ERR wrong number of arguments for 'mset' command"u8);
            return;
        }
        x.BeginBatch();
        for (int i = 1; i < arguments.Count; i += 2) x.Store.Set(arguments[i], arguments[i + 1], 0);
        x.EndBatch();
        x.Output.Simple("OK"u8);
    }

    private static void Append(RespExecutor x, RespArguments arguments)
    {
        ReadOnlySpan<byte> key = arguments[1], tail = arguments[2];
        if (!x.Store.TryRead(key, out StoredValue value))
        {
            x.Store.Set(key, tail, 0);
            x.Output.Integer(tail.Length);
            return;
        }
        if (!value.IsPlain)
        {
            x.Error(RespErrors.WrongType);
            return;
        }
        if (!x.MayWrite(key, (long)value.Bytes.Length + tail.Length)) return;
        x.Store.TryRead(key, out value); // making room may have moved it, or even evicted it
        ReadOnlySpan<byte> head = value.Bytes;
        Span<byte> whole = x.Scratch.Take(head.Length + tail.Length);
        head.CopyTo(whole);
        tail.CopyTo(whole[head.Length..]);
        x.Store.Set(key, whole, value.ExpiryMilliseconds);
        x.Output.Integer(whole.Length);
    }

    private static void Length(RespExecutor x, RespArguments arguments)
    {
        if (!x.TryReadCounted(arguments[1], out StoredValue value)) x.Output.Integer(0);
        else if (!value.IsPlain) x.Error(RespErrors.WrongType);
        else x.Output.Integer(value.Bytes.Length);
    }
}
