using Appliance.Cluster.Elections;
using Appliance.Multicast;

namespace Appliance.Tests.Appliance.Cluster.Elections;

/// <summary>A disk in memory that may be full.</summary>
internal sealed class TestVoteStore : IVoteStore
{
    private GroupView? _view;
    private int _left;

    internal Dictionary<string, VoteRecord> Votes { get; private set; } = [];

    internal bool IsFull { get; set; }

    internal int Writes { get; private set; }

    public IReadOnlyDictionary<string, VoteRecord> ReadVotes() => Votes;

    /// <summary>How many steps a write takes.</summary>
    internal int Steps { get; set; }

    /// <summary>What is on its way to the disk.</summary>
    internal ElectionRecords? UnderWay { get; private set; }

    public GroupView? ReadView() => _view;

    public bool Write(ElectionRecords records)
    {
        Assert.Null(UnderWay);
        if (IsFull) throw new IOException("No space left on device");
        if (Steps == 0) Take(records);
        else (UnderWay, _left) = (records, Steps);
        return Steps == 0;
    }

    /// <summary>A step of time: whether the write that is under way has reached the disk.</summary>
    internal bool Step()
    {
        if (UnderWay is not { } records || --_left > 0) return false;
        UnderWay = null;
        Take(records);
        return true;
    }

    private void Take(ElectionRecords records)
    {
        _view = records.View ?? _view;
        if (records.Votes is null) return;
        Votes = new Dictionary<string, VoteRecord>(records.Votes);
        Writes++;
    }
}

/// <summary>One engine with what its sink was told. Others are played by the test, or are other <see cref="TestElections"/>.</summary>
internal sealed class TestElections : IElectionSink
{
    private uint _publication;

    internal TestElections(string name = "a", Timestamp? start = null, TestVoteStore? store = null, Func<ElectionOptions, ElectionOptions>? configure = null)
    {
        Name = name;
        Store = store ?? new TestVoteStore();
        Now = start ?? new Timestamp(1_000_000_000);
        Options = (configure ?? (static options => options))(Default with { Name = name });
        Engine = new ElectionEngine(Options, Store, this, Now);
    }

    /// <summary>a and b hold data, w is a witness; one service.</summary>
    internal static ElectionOptions Default { get; } = new()
    {
        Name = "a",
        Members = [new("a", MemberRole.Data), new("b", MemberRole.Data), new("w", MemberRole.Witness)],
        Services = [new ElectionService { Name = "shop" }],
    };

    internal string Name { get; }
    internal ElectionOptions Options { get; }
    internal TestVoteStore Store { get; }
    internal ElectionEngine Engine { get; }
    internal Timestamp Now { get; set; }
    internal ulong Incarnation { get; set; } = 1;
    internal byte[] Extension { get; private set; } = [];
    internal Timestamp ExtensionUntil { get; private set; }
    internal bool Hurried { get; set; }
    internal int Published { get; private set; }
    internal List<string> Events { get; } = [];
    internal List<string> Lines { get; } = [];
    internal Timestamp Lease { get; private set; }

    /// <summary>Told of winners, losses and sets too: the layer above.</summary>
    internal IElectionSink? Above { get; set; }

    /// <summary>What it says about a service now.</summary>
    internal ServiceSection Says(int service = 0)
    {
        Assert.True(BeatExtension.TryParse(Extension, out BeatExtension extension));
        return extension[service];
    }

    /// <summary>A beat of somebody whom the test plays, sent and heard now.</summary>
    internal void Hear(string from, byte[] extension, ulong? sent = null) =>
        Engine.OnBeat(Now, NodeId.FromName(from), 1, Now, sent ?? (ulong)Now.Nanoseconds, (ulong)Now.Nanoseconds, extension);

    /// <summary>The same with sections only.</summary>
    internal void Hear(string from, ServiceSection section, ulong? sent = null)
    {
        byte[] bytes = new byte[BeatExtension.MaxBytes];
        int length = BeatExtension.Write(bytes, ++_publication, Options.ConfigurationDigest, Engine.View, false, [section, section with { Role = ElectionRole.None, Bound = BeatExtension.NoSlot, Term = 0 }]);
        Hear(from, bytes[..length], sent);
    }

    internal void Wait(double milliseconds)
    {
        Now += TimeSpan.FromMilliseconds(milliseconds);
        Engine.OnTick(Now);
    }

    public void Publish(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry)
    {
        Extension = extension.ToArray();
        ExtensionUntil = validUntil;
        Hurried |= hurry;
        Published++;
    }

    public void OnElected(int service, uint term, Timestamp leaseUntil, SynchronisedSet set, ElectionKind kind)
    {
        Lease = leaseUntil;
        Events.Add($"elected {service} {term} {kind}");
        Above?.OnElected(service, term, leaseUntil, set, kind);
    }

    public void OnLease(int service, uint term, Timestamp until) => Lease = until;

    public void OnLost(int service, uint term, LeaseLoss why)
    {
        Events.Add($"lost {service} {term} {why}");
        Above?.OnLost(service, term, why);
    }

    public void OnPrimary(int service, NodeId primary, uint term) => Above?.OnPrimary(service, primary, term);

    public void OnSynchronisedSet(int service, SynchronisedSet set)
    {
        Events.Add($"set {service} {set.Number} {set.Members}");
        Above?.OnSynchronisedSet(service, set);
    }

    public void OnView(GroupView view, bool isCommitted) => Events.Add($"view {view.Number} {(isCommitted ? "committed" : "adopted")}");
    public void OnHandOverWanted(int service, NodeId target, HandOverReason why) => Events.Add($"wanted {service} {why}");
    public void Log(ElectionEvent kind, string text) => Lines.Add(text);
}
