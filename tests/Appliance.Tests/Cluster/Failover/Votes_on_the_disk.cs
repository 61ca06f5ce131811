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
            ["format"] = new(2, b, 1, 1, [b]),
        };
        new VoteFiles(_directory).WriteVotes(votes);
        IReadOnlyDictionary<string, VoteRecord> read = new VoteFiles(_directory).ReadVotes();
        Assert.Equal(votes.Keys.Order(), read.Keys.Order());
        foreach ((string service, VoteRecord vote) in votes) Assert.Equivalent(vote, read[service], strict: true);
    }

    [Fact]
    public void Votes_of_the_first_format_are_read_and_written_again_in_the_newest()
    {
        NodeId a = NodeId.FromName("a"), b = NodeId.FromName("b");
        Write($"shop 3 {a} 3 2 {a} {b}", $"tunnel 7 {NodeId.None} 0 0");
        IReadOnlyDictionary<string, VoteRecord> read = new VoteFiles(_directory).ReadVotes();
        Assert.Equivalent(new VoteRecord(3, a, 3, 2, [a, b]), read["shop"], strict: true);
        Assert.Equivalent(new VoteRecord(7, NodeId.None, 0, 0, []), read["tunnel"], strict: true);
        new VoteFiles(_directory).WriteVotes(read);
        Assert.Equal(["format 2", $"shop 3 {a} 3 2 {a} {b}", $"tunnel 7 {NodeId.None} 0 0"], File.ReadAllLines(VotesPath));
        Assert.Equal(2, new VoteFiles(_directory).ReadVotes().Count);
    }

    [Fact]
    public void Votes_of_a_later_format_stop_the_start_with_a_sentence_that_says_what_to_do()
    {
        Write("format 3", "shop 3 0000000000000001 3 2 0000000000000001 something new");
        string message = Assert.Throws<InvalidDataException>(() => new VoteFiles(_directory).ReadVotes()).Message;
        Assert.Contains($"{VotesPath} has format 3, and this program reads 1 to 2", message, StringComparison.Ordinal);
        Assert.Contains("Start that version again", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("format")]
    [InlineData("format 1")]
    [InlineData("format -3")]
    [InlineData("format x")]
    [InlineData("shop 3 0000000000000001 3 2 0000000000000001\nformat 2")]
    [InlineData("shop 3 0000000000000001 3 2 0000000000000001 next 4")]
    [InlineData("shop 3 0000000000000001 3 2 0000000000000001 next x 0000000000000001")]
    [InlineData("shop 3 0000000000000001 3 2 next 4 1")]
    public void Damaged_votes_stop_the_start(string lines)
    {
        Write(lines);
        Assert.Throws<InvalidDataException>(() => new VoteFiles(_directory).ReadVotes());
    }

    private string VotesPath => Path.Combine(_directory, "votes");

    private void Write(params string[] lines) => File.WriteAllLines(VotesPath, lines);

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
