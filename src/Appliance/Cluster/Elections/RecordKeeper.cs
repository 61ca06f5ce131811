using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>Brings what a node has decided to its disk, one write at a time; nobody hears of it before its write has ended (docs/decisions/0012).</summary>
internal sealed class RecordKeeper(ElectionContext context, ServiceElection[] elections, ViewKeeper views, IReadOnlyDictionary<string, VoteRecord> stored)
{
    private readonly Dictionary<string, VoteRecord> _votes = new(stored);
    private ElectionRecords? _writing;
    private Timestamp _writingSince;
    private bool _toldNotStored, _toldSlow;

    /// <summary>All that was decided by this moment goes to the disk together, once the write before has ended.</summary>
    internal void Store()
    {
        while (_writing is null && NextToStore() is { } records)
        {
            _writing = records;
            _writingSince = context.Now;
            try
            {
                if (context.Store.Write(records)) End(null);
            }
            catch (IOException error)
            {
                End(error.Message);
            }
        }
    }

    private ElectionRecords? NextToStore()
    {
        bool any = false;
        foreach (ServiceState state in context.States)
        {
            if (!state.MustBeStored) continue;
            _votes[state.Options.Name] = state.BeginStoring();
            any = true;
        }
        return any || views.Unstored is not null ? new ElectionRecords(any ? new Dictionary<string, VoteRecord>(_votes) : null, views.Unstored) : null;
    }

    /// <summary>The write has ended.</summary>
    /// <param name="error">Why nothing of it is stored; null: all of it is.</param>
    internal void End(string? error)
    {
        ElectionRecords records = _writing!;
        _writing = null;
        bool isStored = error is null;
        TellStore(error, context.Now - _writingSince);
        foreach (ServiceElection election in elections)
        {
            if (records.Votes is null || !election.State.IsBeingStored) continue;
            election.State.OnStored(isStored);
            if (isStored) election.OnStored();
            else election.OnNotStored();
            if (!isStored) _votes[election.State.Options.Name] = election.State.Record; // what is void must not reach the disk with the next write
        }
        if (records.View is not null) views.OnStored(records.View, isStored);
    }

    private void TellStore(string? error, TimeSpan took)
    {
        if (error is not null && !_toldNotStored) context.Sink.Log(ElectionEvent.Warning, $"this node cannot vote: its votes could not be stored: {error}");
        _toldNotStored = error is not null;
        bool isSlow = took > context.Options.DeadAfter;
        if (isSlow && !_toldSlow) context.Sink.Log(ElectionEvent.Warning, $"a vote took {took.TotalMilliseconds:F0} ms to reach the disk of [node] state-directory, longer than dead-after: elections wait for it; give the directory a faster disk");
        _toldSlow = isSlow;
    }
}
