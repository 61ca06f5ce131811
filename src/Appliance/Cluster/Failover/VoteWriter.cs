using System.Collections.Concurrent;
using Appliance.Cluster.Elections;

namespace Appliance.Cluster.Failover;

/// <summary>Stores votes and views on a thread of its own: a slow disk delays elections, and nothing else that the loop does (docs/decisions/0012).</summary>
internal sealed class VoteWriter : IVoteStore, IDisposable
{
    private readonly VoteFiles _files;
    private readonly Action<string?> _ended;
    private readonly BlockingCollection<ElectionRecords> _waiting = [];
    private readonly Thread _thread;

    /// <param name="files">Where they are; read on the caller's thread, before the first write.</param>
    /// <param name="ended">Told of the end of every write, with the reason if nothing of it counts as stored. Called on the writer's thread.</param>
    internal VoteWriter(VoteFiles files, Action<string?> ended)
    {
        _files = files;
        _ended = ended;
        _thread = new Thread(Run) { Name = "votes", IsBackground = true };
        _thread.Start();
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, VoteRecord> ReadVotes() => _files.ReadVotes();

    /// <inheritdoc/>
    public GroupView? ReadView() => _files.ReadView();

    /// <inheritdoc/>
    public bool Write(ElectionRecords records)
    {
        _waiting.Add(records);
        return false;
    }

    /// <summary>Waits for the write that is under way.</summary>
    public void Dispose()
    {
        _waiting.CompleteAdding();
        _thread.Join();
        _waiting.Dispose();
    }

    private void Run()
    {
        foreach (ElectionRecords records in _waiting.GetConsumingEnumerable()) _ended(TryWrite(records));
    }

    private string? TryWrite(ElectionRecords records)
    {
        try
        {
            if (records.View is not null) _files.WriteView(records.View);
            if (records.Votes is not null) _files.WriteVotes(records.Votes);
            return null;
        }
        catch (IOException error)
        {
            return error.Message;
        }
    }
}
