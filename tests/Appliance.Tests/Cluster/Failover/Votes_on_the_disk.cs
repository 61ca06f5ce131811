using Appliance.Cluster.Elections;
using Appliance.Cluster.Failover;
using Appliance.Multicast;

namespace Appliance.Tests.Appliance.Cluster.Failover;

/// <summary>What a voter must not forget, as a file.</summary>
public sealed class Votes_on_the_disk : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("appliance-votes-").FullName;

    [Fact]
    [Trait("Demand", "A2")]
    public void Votes_sets_and_reserved_votes_are_read_as_they_were_written()
    {
        NodeId a = NodeId.FromName("a"), b = NodeId.FromName("b");
        var votes = new Dictionary<string, VoteRecord>
        {
            ["shop"] = new(3, a, 3, 2, [a, b]) { ReservedTerm = 4, ReservedFor = b },
            ["next"] = new(7, NodeId.None, 0, 0, []),
        };
        new VoteFiles(_directory).WriteVotes(votes);
        IReadOnlyDictionary<string, VoteRecord> read = new VoteFiles(_directory).ReadVotes();
        Assert.Equal(votes.Keys.Order(), read.Keys.Order());
        foreach ((string service, VoteRecord vote) in votes) Assert.Equivalent(vote, read[service], strict: true);
    }

    [Theory]
    [InlineData("shop 3 0000000000000001 3 2 0000000000000001 next 4")]
    [InlineData("shop 3 0000000000000001 3 2 0000000000000001 next x 0000000000000001")]
    [InlineData("shop 3 0000000000000001 3 2 next 4 1")]
    public void A_damaged_reservation_stops_the_start(string line)
    {
        File.WriteAllText(Path.Combine(_directory, "votes"), line + "\n");
        Assert.Throws<InvalidDataException>(() => new VoteFiles(_directory).ReadVotes());
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
