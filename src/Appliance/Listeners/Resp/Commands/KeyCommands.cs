using System.Text;
using Appliance.Listeners.Resp.Protocol;
using Appliance.State;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>Commands on keys of any kind (db.c of Redis).</summary>
internal static class KeyCommands
{
    /// <summary>Records looked at in one SCAN, whatever COUNT says: the other clients of the loop wait meanwhile.</summary>
    private const int MaxScanCount = 10_000;

    private const CommandFlags Reads = CommandFlags.ReadOnly | CommandFlags.Fast;

    public static readonly RespCommand[] All =
    [
        new("del", -2, CommandFlags.Write, "generic", "1.0.0", "Delete a key", Delete) { Keys = KeyPositions.All },
        new("unlink", -2, CommandFlags.Write | CommandFlags.Fast, "generic", "4.0.0", "Delete a key", Delete) { Keys = KeyPositions.All },
        new("exists", -2, Reads, "generic", "1.0.0", "Determine if a key exists", Exists) { Keys = KeyPositions.All },
        new("type", 2, Reads, "generic", "1.0.0", "Determine the type stored at key", TypeOf) { Keys = KeyPositions.One },
        new("scan", -2, CommandFlags.ReadOnly, "generic", "2.8.0", "Incrementally iterate the keys space", Scan),
    ];

    private static void Delete(RespExecutor x, RespArguments arguments)
    {
        if (arguments.Count == 2)
        {
            x.Output.Integer(x.Store.Delete(arguments[1]) ? 1 : 0);
            return;
        }
        int deleted = 0;
        x.BeginBatch();
        for (int i = 1; i < arguments.Count; i++)
        {
            if (x.Store.Delete(arguments[i])) deleted++;
        }
        x.EndBatch();
        x.Output.Integer(deleted);
    }

    private static void Exists(RespExecutor x, RespArguments arguments)
    {
        int found = 0;
        for (int i = 1; i < arguments.Count; i++)
        {
            if (x.TryReadCounted(arguments[i], out _)) found++;
        }
        x.Output.Integer(found);
    }

    private static void TypeOf(RespExecutor x, RespArguments arguments) =>
        x.Output.Simple(!x.Store.TryRead(arguments[1], out StoredValue value) ? "none"u8 : TypeName(value.Kind));

    // Typed records (sessions, segments) are read as strings: their bytes are what GET answers.
    private static ReadOnlySpan<byte> TypeName(RecordKind kind) => kind == RecordKind.Hash ? "hash"u8 : "string"u8;

    private static void Scan(RespExecutor x, RespArguments arguments)
    {
        if (!RespNumber.TryParseCursor(arguments[1], out ulong cursor))
        {
            x.Error(RespErrors.InvalidCursor);
            return;
        }
        if (!ScanOptions.TryParse(x, arguments, 2, allowType: true, out ScanOptions options)) return;
        RespWriter output = x.Output;
        int start = output.Length;
        KeyVisitor visitor = new() { Output = output, Options = options };
        // Libraries keep cursors in signed 64 bits: the lowest bit stays here, so that the records of one hash may come twice, never be missed.
        ulong next = x.Store.Scan(cursor << 1, (int)Math.Min(options.Count, MaxScanCount), ref visitor) >> 1;
        output.InsertArray(start, visitor.Found);
        InsertCursor(output, start, next);
    }

    /// <summary>Puts what precedes the elements of a scan's reply before them.</summary>
    internal static void InsertCursor(RespWriter output, int start, ulong cursor)
    {
        Span<byte> head = stackalloc byte[64];
        Span<byte> digits = stackalloc byte[RespNumber.MaxBytes];
        cursor.TryFormat(digits, out int length);
        int written = 0;
        Append(head, ref written, "*2\r\n$"u8);
        length.TryFormat(head[written..], out int lengthDigits);
        written += lengthDigits;
        Append(head, ref written, "\r\n"u8);
        Append(head, ref written, digits[..length]);
        Append(head, ref written, "\r\n"u8);
        output.InsertRaw(start, head[..written]);
    }

    private static void Append(Span<byte> destination, ref int written, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(destination[written..]);
        written += bytes.Length;
    }

    private ref struct KeyVisitor : IStoreVisitor
    {
        public RespWriter Output;
        public ScanOptions Options;
        public int Found;

        public void Visit(ReadOnlySpan<byte> name, in StoredValue value)
        {
            if (!Options.Matches(name)) return;
            if (!Options.Type.IsEmpty && !Ascii.EqualsIgnoreCase(Options.Type, TypeName(value.Kind))) return;
            Output.Bulk(name);
            Found++;
        }
    }
}
