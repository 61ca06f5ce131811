using Appliance.State;

namespace Appliance.Tests.Simulation.Mirroring.Oracle;

/// <summary>Looks for writes in the tables of a member.</summary>
internal static class HeldRecords
{
    /// <summary>Whether a member has a write, or what came after it.</summary>
    internal static bool Holds(this MirroredService service, Write write)
    {
        RecordTables tables = service.Store.Tables;
        byte[] key = KeySpace.Key(write.Key);
        uint handle = tables.Keys.Find(key, tables.Keys.Hash(key));
        if (handle != 0)
        {
            RecordView view = tables.Keys.View(handle);
            bool isHead = write.Field >= 0 && view.Header is { Kind: RecordKind.Hash, Tombstone: false } && RecordTables.GenerationOf(view) == write.Generation;
            if (isHead ? tables.VersionOfField(write, write.Field) >= write.Version : view.Header.Version >= write.Version) return true;
        }
        return service.Store.Memory.Floor.Value >= write.Version; // deleted since, and forgotten
    }

    /// <summary>The version of a field of a making of a hash; 0 when it is not there.</summary>
    /// <param name="tables">Where.</param>
    /// <param name="hash">A write of the hash: its key and generation.</param>
    /// <param name="field">Number of the field.</param>
    internal static ulong VersionOfField(this RecordTables tables, Write hash, int field)
    {
        byte[] name = new byte[HashFieldKey.Bytes(KeySpace.Key(hash.Key).Length, KeySpace.Field(field).Length)];
        HashFieldKey.Write(name, hash.Generation, KeySpace.Key(hash.Key), KeySpace.Field(field));
        uint handle = tables.Fields.Find(name, tables.Fields.Hash(name));
        return handle == 0 ? 0 : tables.Fields.View(handle).Header.Version;
    }
}
