using System.Collections;
using Appliance.State;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Mirroring.Oracle;

/// <summary>Compares a complete member's tables with the model of what was written, record by record: convergence, no ghosts, nothing revived, whole batches.</summary>
internal sealed class TableCheck
{
    private readonly WriteHistory _history;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly BitArray _keys = new(KeySpace.Count);
    private readonly BitArray _fields = new(KeySpace.Count * KeySpace.Fields);
    private string _member = "";
    private ulong _position, _highest;

    internal TableCheck(WriteHistory history) => _history = history;

    /// <summary>Checks the tables of a service that says that it is complete.</summary>
    internal void Check(string member, MirroredService service)
    {
        _member = member;
        bool writes = service.Role == ServiceRole.Primary;
        _position = (writes ? service.Publisher.Last : service.Position).Value;
        _highest = (writes ? service.Publisher.Last : service.Highest).Value;
        if (!_history.Knows(_position)) throw new InvariantViolation($"{member} stands at {Text(_position)}, which nobody wrote");
        if (!_history.TermOf(_position).EndsBatch(WriteHistory.SequenceOf(_position))) throw new InvariantViolation($"{member} stands at {Text(_position)}, inside a batch");
        _keys.SetAll(false);
        _fields.SetAll(false);
        Walk(service.Store.Tables.Keys, areFields: false);
        Walk(service.Store.Tables.Fields, areFields: true);
        for (int key = 0; key < KeySpace.Count; key++)
        {
            Write? head = _history.KeyAt(key, _position);
            if (head is null || head.IsTombstone) continue;
            if (!_keys[key]) RequireReplaced(head);
            if (head.IsHash) CheckFieldsPresent(head);
        }
    }

    private void Walk(StateTable table, bool areFields)
    {
        ulong cursor = 0;
        do
        {
            int filled = table.WalkCopy(ref cursor, _buffer, out _);
            ScanCopyReader reader = new(_buffer.AsSpan(0, filled));
            while (reader.MoveNext())
            {
                if (areFields) CheckField(reader.Header, reader.Key, reader.Value);
                else CheckKey(reader.Header, reader.Key, reader.Value);
            }
        }
        while (cursor != 0);
    }

    private void CheckKey(in RecordHeader header, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> value)
    {
        int key = KeySpace.NumberOfKey(bytes);
        _keys[key] = true;
        bool isHeadMissing = (header.Local & LocalFlags.Placeholder) != 0;
        if (isHeadMissing && _history.TermOf(_position).Missing.Count > 0) return; // the head was lost, its fields were not, and that was reported
        if (isHeadMissing) throw new InvariantViolation($"{_member} is complete and has no head for the fields of key {key}");
        RequireNewest(_history.KeyAt(key, _position), key, -1, header, value);
    }

    private void CheckField(in RecordHeader header, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> value)
    {
        Write.ReadFieldKey(bytes, out ulong generation, out ReadOnlySpan<byte> name, out int field);
        int key = KeySpace.NumberOfKey(name);
        Write? head = _history.KeyAt(key, _position);
        bool isDead = head is null || !head.IsHash || head.Generation != generation;
        if (isDead) return; // no head names its generation: it is being freed, or its head is ahead of the position
        _fields[key * KeySpace.Fields + field] = true;
        RequireNewest(_history.FieldAt(key, field, generation, _position), key, field, header, value);
    }

    private void CheckFieldsPresent(Write head)
    {
        for (int field = 0; field < KeySpace.Fields; field++)
        {
            Write? expected = _history.FieldAt(head.Key, field, head.Generation, _position);
            if (expected is null || expected.IsTombstone || _fields[head.Key * KeySpace.Fields + field]) continue;
            RequireReplaced(head, expected);
        }
    }

    private void RequireNewest(Write? expected, int key, int field, in RecordHeader header, ReadOnlySpan<byte> value)
    {
        if (expected is not null && expected.Matches(header, value)) return;
        Write? held = _history.Find(key, field, header.Version);
        // A snapshot that was taken while the server went on brings records ahead of the position that it reaches.
        bool isAhead = header.Version > _position && header.Version <= _highest && held is not null && held.Matches(header, value);
        if (isAhead) return;
        throw new InvariantViolation(
            $"{_member}, complete at {Text(_position)} (highest {Text(_highest)}), holds {(held is null || !held.Matches(header, value) ? $"key {key} field {field} {Text(header.Version)} as nobody wrote it" : held)}; right is {expected?.ToString() ?? "nothing"}");
    }

    // A record may be gone although the position has it only when what deleted it is ahead of the position, too.
    private void RequireReplaced(Write head, Write? field = null)
    {
        Write? newer = _highest > _position ? _history.NewestBetween(head.Key, _position, ulong.MaxValue, _history.Newest!.LastVersion) : null;
        if (newer is null) throw new InvariantViolation($"{_member}, complete at {Text(_position)} (highest {Text(_highest)}), lacks {field ?? head}");
    }

    private static string Text(ulong version) => new RecordVersion(version).ToString();
}
