using System.Collections.Concurrent;
using Appliance.Cluster.Elections;
using Appliance.Cluster.Failover;
using Appliance.Multicast;

namespace Appliance.Tests.Appliance.Cluster.Failover;

/// <summary><see cref="VoteWriter"/> on a real directory.</summary>
public sealed class The_writer_of_votes : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("votes-").FullName;

    public void Dispose()
    {
        if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void What_it_says_is_stored_can_be_read_back()
    {
        using var ended = new BlockingCollection<string?>();
        using var writer = new VoteWriter(new VoteFiles(_directory), ended.Add);
        Assert.False(writer.Write(new ElectionRecords(new Dictionary<string, VoteRecord> { ["shop"] = new(7, NodeId.FromName("b"), 6, 2, [NodeId.FromName("a")]) }, null)));
        Assert.Null(ended.Take());
        VoteRecord read = new VoteFiles(_directory).ReadVotes()["shop"];
        Assert.Equal((7u, NodeId.FromName("b"), 6u, 2u), (read.Term, read.VotedFor, read.SetTerm, read.SetNumber));
        Assert.Null(writer.ReadView());
    }

    [Fact]
    public void A_write_that_fails_is_told_and_the_next_one_is_tried()
    {
        using var ended = new BlockingCollection<string?>();
        using var writer = new VoteWriter(new VoteFiles(_directory), ended.Add);
        var records = new ElectionRecords(new Dictionary<string, VoteRecord> { ["shop"] = VoteRecord.None }, null);
        Directory.Delete(_directory);
        writer.Write(records);
        Assert.Contains(_directory, ended.Take(), StringComparison.Ordinal);
        Directory.CreateDirectory(_directory);
        writer.Write(records);
        Assert.Null(ended.Take());
    }
}
