using System.Buffers;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp;

/// <summary>Commands between MULTI and EXEC: their arguments copied one after another.</summary>
internal sealed class TransactionQueue
{
    private readonly record struct Entry(RespCommand Command, int FirstArgument, int ArgumentCount);

    private GrowableBytes _bytes;
    private RespArgument[] _arguments = [];
    private int _argumentCount;
    private Entry[] _entries = [];

    /// <summary>Commands queued.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of all arguments.</summary>
    public int Bytes => _bytes.Length;

    /// <summary>A queued command writes.</summary>
    public bool HasWrites { get; private set; }

    /// <summary>Appends a command; false when no memory is left.</summary>
    public bool TryAdd(RespCommand command, RespArguments arguments, NativeBufferPool pool)
    {
        int first = _argumentCount;
        for (int i = 0; i < arguments.Count; i++)
        {
            int start = _bytes.Length;
            if (!_bytes.TryAppend(pool, arguments[i])) return false;
            Append(ref _arguments, _argumentCount++, new RespArgument(start, arguments[i].Length));
        }
        Append(ref _entries, Count++, new Entry(command, first, arguments.Count));
        HasWrites |= command.IsWrite;
        return true;
    }

    /// <summary>A queued command and its arguments.</summary>
    public RespArguments Get(int index, out RespCommand command)
    {
        Entry entry = _entries[index];
        command = entry.Command;
        return new RespArguments(_bytes.Bytes, _arguments.AsSpan(entry.FirstArgument, entry.ArgumentCount));
    }

    /// <summary>Forgets all commands and gives their memory back.</summary>
    public void Release(NativeBufferPool pool)
    {
        _bytes.Release(pool);
        if (_arguments.Length > 0) ArrayPool<RespArgument>.Shared.Return(_arguments);
        if (_entries.Length > 0) ArrayPool<Entry>.Shared.Return(_entries, clearArray: true);
        _arguments = [];
        _entries = [];
        _argumentCount = 0;
        Count = 0;
        HasWrites = false;
    }

    private static void Append<T>(ref T[] array, int index, T item)
    {
        if (index == array.Length)
        {
            T[] larger = ArrayPool<T>.Shared.Rent(Math.Max(16, 2 * array.Length));
            array.CopyTo(larger, 0);
            if (array.Length > 0) ArrayPool<T>.Shared.Return(array, clearArray: true);
            array = larger;
        }
        array[index] = item;
    }
}
