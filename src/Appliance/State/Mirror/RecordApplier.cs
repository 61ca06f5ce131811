using Appliance.Multicast;

namespace Appliance.State;

/// <summary>Applies records to a service's tables with their memory accesses overlapped: hashes and buckets of a group of records first, then the records, then the changes.</summary>
/// <remarks>Reading a record's header twice costs 20 ns; a cache miss costs ten times that, and a group has two for each record.</remarks>
internal static class RecordApplier
{
    /// <summary>Records whose memory is fetched at once. 16: more do not fit the processor's line-fill buffers.</summary>
    internal const int GroupRecords = 16;

    /// <summary>Applies the records of a snapshot's chunk.</summary>
    /// <returns>False when a record cannot be read or stored.</returns>
    internal static bool ApplyChunk(ReadOnlySpan<byte> records, MirroredService service, LocalFlags flags)
    {
        Span<ulong> hashes = stackalloc ulong[GroupRecords];
        while (!records.IsEmpty)
        {
            ReadOnlySpan<byte> ahead = records;
            int count = 0;
            for (; count < GroupRecords && !ahead.IsEmpty; count++)
            {
                if (EncodedRecord.TryParseFirst(ahead, out EncodedRecord record, out int consumed) != RecordParseResult.Ok) break;
                hashes[count] = service.Prefetch(record);
                ahead = ahead[consumed..];
            }
            if (count == 0) return service.OnMalformedChunk();
            service.PrefetchRecords(hashes[..count]);
            for (int i = 0; i < count; i++)
            {
                _ = EncodedRecord.TryParseFirst(records, out EncodedRecord record, out int consumed);
                if (!service.MergeFromSnapshot(record, hashes[i], flags)) return false;
                records = records[consumed..];
            }
        }
        return true;
    }

    /// <summary>Applies the messages of a stream.</summary>
    internal static void ApplyRun(GroupMember sender, MessageRun run, StateMirror mirror)
    {
        Span<ulong> hashes = stackalloc ulong[GroupRecords];
        MessageRun.Enumerator behind = run.GetEnumerator(), ahead = run.GetEnumerator();
        while (true)
        {
            int count = 0;
            MirroredService? service = null;
            for (; count < GroupRecords && ahead.MoveNext(); count++)
            {
                hashes[count] = 0;
                if (EncodedRecord.TryParse(ahead.Current, out EncodedRecord record) != RecordParseResult.Ok) continue;
                if (service is null || service.Id != record.Service) service = mirror.Find(record.Service);
                if (service is not null) hashes[count] = service.Prefetch(record);
            }
            if (count == 0) return;
            service?.PrefetchRecords(hashes[..count]);
            for (int i = 0; i < count; i++)
            {
                behind.MoveNext();
                mirror.Apply(sender, behind.Current, hashes[i], behind.EndsBatch);
            }
        }
    }
}
