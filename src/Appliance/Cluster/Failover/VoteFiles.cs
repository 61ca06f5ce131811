using System.Globalization;
using System.Text;
using Appliance.Cluster.Elections;
using Appliance.Host;
using Appliance.Multicast;

namespace Appliance.Cluster.Failover;

/// <summary>Votes and views as text files in <c>[node] state-directory</c>: <c>votes</c> and <c>view</c>, each replaced as a whole and synchronised. Not thread-safe.</summary>
/// <remarks>
/// A damaged file stops the start: who guesses may vote twice in a term.
/// <code>
/// votes:  format 2 / SERVICE TERM VOTED-NODE SET-TERM SET-NUMBER SET-NODE... [next RESERVED-TERM RESERVED-NODE], one line each
/// view:   version TERM NUMBER / key-epoch N / slot NODE vacant|data|witness, one line each
/// </code>
/// Nodes are the sixteen hexadecimal digits of <see cref="NodeId"/>. Format 1 has neither the first line nor <c>next</c>; it is read too. A later format may hold a vote that this program does not see: it is refused.
/// </remarks>
internal sealed class VoteFiles
{
    private const uint Format = 2;
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly string _directory;

    /// <param name="directory">The state directory, which exists.</param>
    internal VoteFiles(string directory) => _directory = directory;

    private string VotesPath => Path.Combine(_directory, "votes");

    private string ViewPath => Path.Combine(_directory, "view");

    /// <summary>See <see cref="IVoteStore.ReadVotes"/>.</summary>
    /// <exception cref="InvalidDataException">What is there are no votes, or votes of a later format.</exception>
    internal IReadOnlyDictionary<string, VoteRecord> ReadVotes()
    {
        var votes = new Dictionary<string, VoteRecord>();
        if (!File.Exists(VotesPath)) return votes;
        string[][] lines = ReadWords(VotesPath);
        if (lines is [["format", var format], .. var rest]) // a service's line has more words
        {
            if (!uint.TryParse(format, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) || number < 2) throw Damaged(VotesPath, "the node's votes");
            if (number > Format) throw TooNew(VotesPath, number);
            lines = rest;
        }
        foreach (string[] words in lines)
        {
            string[] line = words;
            (uint reservedTerm, NodeId reservedFor) = TakeReserved(ref line);
            if (line is not [var service, var term, var voted, var setTerm, var setNumber, .. var members]
                || !TryRead(term, out uint termNumber) || !TryRead(setTerm, out uint setTermNumber) || !uint.TryParse(setNumber, NumberStyles.None, CultureInfo.InvariantCulture, out uint number)
                || !TryReadNodes([voted], out List<NodeId> votedFor) || !TryReadNodes(members, out List<NodeId> set)
                || !votes.TryAdd(service, new VoteRecord(termNumber, votedFor[0], setTermNumber, number, set) { ReservedTerm = reservedTerm, ReservedFor = reservedFor }))
                throw Damaged(VotesPath, "the node's votes");
        }
        return votes;
    }

    /// <summary>Stores the records of all services; they survive a loss of power when the call returns.</summary>
    /// <exception cref="IOException">They cannot be stored.</exception>
    internal void WriteVotes(IReadOnlyDictionary<string, VoteRecord> votes)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"format {Format}\n");
        foreach ((string service, VoteRecord vote) in votes)
        {
            text.Append(CultureInfo.InvariantCulture, $"{service} {vote.Term} {vote.VotedFor} {vote.SetTerm} {vote.SetNumber}");
            foreach (NodeId member in vote.SetMembers) text.Append(CultureInfo.InvariantCulture, $" {member}");
            if (vote.ReservedTerm != 0) text.Append(CultureInfo.InvariantCulture, $" next {vote.ReservedTerm} {vote.ReservedFor}");
            text.Append('\n');
        }
        Write(VotesPath, text.ToString());
    }

    /// <summary>See <see cref="IVoteStore.ReadView"/>.</summary>
    internal GroupView? ReadView()
    {
        if (!File.Exists(ViewPath)) return null;
        string[][] lines = ReadWords(ViewPath);
        if (lines is [["version", var term, var number], ["key-epoch", var epoch], .. var slots] && slots.Length <= ElectionOptions.MaxMembers
            && TryRead(term, out uint termNumber) && uint.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out uint viewNumber) && ushort.TryParse(epoch, NumberStyles.None, CultureInfo.InvariantCulture, out ushort keyEpoch)
            && TryReadSlots(slots, out List<ViewSlot> read))
            return new GroupView(termNumber, viewNumber, keyEpoch, [.. read]);
        throw Damaged(ViewPath, "the group's members");
    }

    /// <summary>Stores the view; it survives a loss of power when the call returns.</summary>
    /// <exception cref="IOException">It cannot be stored.</exception>
    internal void WriteView(GroupView view)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"version {view.Term} {view.Number}\nkey-epoch {view.KeyEpoch}\n");
        foreach (ViewSlot slot in view.Slots) text.Append(CultureInfo.InvariantCulture, $"slot {slot.Node} {slot.Role.ToString().ToLowerInvariant()}\n");
        Write(ViewPath, text.ToString());
    }

    private static void Write(string path, string text)
    {
        try
        {
            AtomicFile.Write(path, Encoding.ASCII.GetBytes(text), Mode);
        }
        catch (UnauthorizedAccessException refused)
        {
            throw new IOException(refused.Message, refused);
        }
    }

    private static string[][] ReadWords(string path) => [.. File.ReadAllLines(path).Select(static line => line.Split(' '))];

    private static bool TryReadSlots(string[][] lines, out List<ViewSlot> slots)
    {
        slots = [];
        foreach (string[] line in lines)
        {
            if (line is not ["slot", var node, var role] || !TryReadNodes([node], out List<NodeId> nodes) || !Enum.TryParse(role, ignoreCase: true, out SlotRole slotRole)) return false;
            slots.Add(new ViewSlot(nodes[0], slotRole));
        }
        return true;
    }

    // What is not understood stays in the line, which is then damaged.
    private static (uint Term, NodeId For) TakeReserved(ref string[] line)
    {
        if (line is not [.. var rest, "next", var term, var node] || !TryRead(term, out uint number) || !TryReadNodes([node], out List<NodeId> nodes)) return default;
        line = rest;
        return (number, nodes[0]);
    }

    private static bool TryReadNodes(string[] words, out List<NodeId> nodes)
    {
        nodes = [];
        foreach (string word in words)
        {
            if (word.Length != 16 || !ulong.TryParse(word, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value)) return false;
            nodes.Add(new NodeId(value));
        }
        return true;
    }

    private static bool TryRead(string word, out uint value) => uint.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= ElectionEngine.MaxTerm;

    private static InvalidDataException TooNew(string path, uint format) =>
        new($"{path} has format {format}, and this program reads 1 to {Format}: a newer version wrote it, and votes that are not understood could be given twice. Start that version again, or, if every other member of the group is up, empty the state directory and let the node join as a new one");

    private static InvalidDataException Damaged(string path, string what) =>
        new($"{path} is damaged: it must hold {what}. Restore it, or, if every other member of the group is up, empty the state directory and let the node join as a new one");
}
