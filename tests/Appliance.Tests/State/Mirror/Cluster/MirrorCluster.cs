using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Mirrors of a whole group in one process, under a virtual clock: a millisecond per step, datagrams delivered in order, links held or cut at will.</summary>
internal sealed class MirrorCluster : IDisposable
{
    private readonly Dictionary<string, MemoryTerms> _terms = [];
    private readonly Dictionary<string, ulong> _incarnations = [];
    private readonly HashSet<(string From, string To)> _held = [];
    private readonly HashSet<(string From, string To)> _cut = [];
    private readonly List<FakeNode> _all = [];
    private readonly Func<StateMirrorOptions, StateMirrorOptions> _change;

    internal MirrorCluster(params string[] names)
        : this(static options => options, names)
    {
    }

    internal MirrorCluster(Func<StateMirrorOptions, StateMirrorOptions> change, params string[] names)
        : this(change, starts: true, names)
    {
    }

    private MirrorCluster(Func<StateMirrorOptions, StateMirrorOptions> change, bool starts, string[] names)
    {
        _change = change;
        Names = names;
        Committed = names;
        foreach (string name in names) Start(name);
        if (!starts) return;
        if (_change(Basics(names[0])).Services[0].Primary is null) Elect(names[0], 1);
        RunUntil(() => _all.TrueForAll(static node => node.Group.Synchronised), "the group starts");
    }

    /// <summary>Nodes that were just started and that nobody has given a role yet.</summary>
    internal static MirrorCluster Unelected(Func<StateMirrorOptions, StateMirrorOptions> change, params string[] names) => new(options => Elected(change(options)), starts: false, names);

    internal string[] Names { get; }

    internal Timestamp Now { get; private set; } = new(1_000_000_000);

    internal long WallMilliseconds => 1_700_000_000_000 + Now.Nanoseconds / 1_000_000;

    internal List<FakeSyncChannel> Channels { get; } = [];

    internal int MessagesPerMillisecond { get; set; } = 4;

    /// <summary>Every channel breaks as soon as it is opened.</summary>
    internal bool ChannelsBreak { get; set; }

    /// <summary>Who takes a channel that a client opens to a server; null: the server.</summary>
    internal Func<FakeNode, FakeNode, FakeNode>? ServedBy { get; set; }

    /// <summary>Channels opened so far.</summary>
    internal int OpenedChannels { get; set; }

    internal FakeNode this[string name] => _all.Last(node => node.Name == name);

    /// <summary>The synchronised set that the voters have.</summary>
    internal IReadOnlyCollection<string> Committed { get; set; } = [];

    /// <summary>The node that writes; the one of the highest term if there are several.</summary>
    internal FakeNode? Primary => Alive.Where(static node => node.Service.Role == ServiceRole.Primary).MaxBy(static node => node.Service.Term);

    internal IEnumerable<FakeNode> Alive => _all.Where(static node => node.IsAlive);

    internal static ClassOptions Acknowledged(RecordClass recordClass, int acks, WhenShort whenShort = WhenShort.Refuse, params string[] keys) =>
        new() { Class = recordClass, Keys = keys, Acks = new AcknowledgementRule(acks), WhenShort = whenShort };

    /// <summary>A new life of a node, with empty memory.</summary>
    internal FakeNode Start(string name)
    {
        Assert.DoesNotContain(_all, node => node.Name == name && node.IsAlive);
        ulong incarnation = _incarnations[name] = _incarnations.GetValueOrDefault(name) + 1;
        StateMirrorOptions options = _change(Basics(name));
        if (!_terms.TryGetValue(name, out MemoryTerms? terms)) _terms[name] = terms = new MemoryTerms();
        var node = new FakeNode(this, name, incarnation, options, terms);
        foreach (FakeNode other in Alive.ToList())
        {
            node.Delivered[other] = other.Group.Stream.Count;
            other.Delivered[node] = 0;
        }
        _all.Add(node);
        foreach (FakeNode other in Alive.Where(other => other != node).ToList())
        {
            Meet(node, other);
            Meet(other, node);
        }
        return node;
    }

    /// <summary>The elections made a node the primary.</summary>
    internal FakeNode Elect(string name, ulong term)
    {
        this[name].Mirror.BecomePrimary("demo", term, Committed);
        return this[name];
    }

    /// <summary>Primaries are elected, not configured.</summary>
    internal static StateMirrorOptions Elected(StateMirrorOptions options) => options with { Services = [new MirroredServiceOptions("demo", null)] };

    /// <summary>A node dies with its memory.</summary>
    internal void Kill(string name)
    {
        KillUnnoticed(name);
        Notice(name);
    }

    /// <summary>A node dies with its memory, and the others' groups have not come to suspect it: it is live to them, and silent.</summary>
    internal void KillUnnoticed(string name) => this[name].IsAlive = false;

    /// <summary>The groups of the others come to suspect a node that died.</summary>
    internal void Notice(string name)
    {
        foreach (FakeNode other in Alive) Change(other, this[name], MemberState.Suspected, MemberChange.Suspected);
    }

    /// <summary>A node's state directory is lost.</summary>
    internal void ForgetTerms(string name) => _terms.Remove(name);

    /// <summary>Datagrams from one node wait on their way to another.</summary>
    internal void Hold(string from, string to) => _held.Add((from, to));

    /// <summary>They arrive.</summary>
    internal void Release(string from, string to) => _held.Remove((from, to));

    /// <summary>Two nodes cannot reach each other at all.</summary>
    internal void Cut(string from, string to)
    {
        _cut.Add((from, to));
        _cut.Add((to, from));
        Change(this[from], this[to], MemberState.Suspected, MemberChange.Suspected);
        Change(this[to], this[from], MemberState.Suspected, MemberChange.Suspected);
    }

    /// <summary>They can again.</summary>
    internal void Heal(string from, string to)
    {
        _cut.Remove((from, to));
        _cut.Remove((to, from));
        Change(this[from], this[to], MemberState.Live, MemberChange.Restored);
        Change(this[to], this[from], MemberState.Live, MemberChange.Restored);
    }

    /// <summary>Living nodes are there, and none of them can be reached.</summary>
    internal bool IsIsolated(FakeNode node) => _cut.Count > 0 && Alive.Any(other => other != node) && Alive.All(other => other == node || IsCut(node, other));

    internal bool IsCut(FakeNode from, FakeNode to) => _cut.Contains((from.Name, to.Name));

    /// <summary>What waits between two nodes is lost, and the receiver is told.</summary>
    internal void Lose(string from, string to, GapReason reason)
    {
        FakeNode sender = this[from], receiver = this[to];
        sender.Group.Flush();
        int delivered = receiver.Delivered[sender], published = sender.Group.Stream.Count;
        Assert.True(published > delivered, "nothing to lose");
        receiver.Delivered[sender] = published;
        receiver.Mirror.OnStreamGap(receiver.MemberOf(sender)!, (ulong)delivered + 1, (ulong)published, reason);
    }

    internal void OnSynchronised(FakeNode node)
    {
        foreach (FakeNode other in Alive)
        {
            if (other.MemberOf(node) is not { } member || member.Synchronised == node.Group.Synchronised) continue;
            member.Synchronised = node.Group.Synchronised;
            Report(node, other);
            other.Mirror.OnMemberChanged(member, MemberChange.SynchronisedChanged);
        }
    }

    internal void Run(int milliseconds)
    {
        for (int i = 0; i < milliseconds; i++) Step();
    }

    internal void RunUntil(Func<bool> condition, string what, int milliseconds = 20_000)
    {
        for (int i = 0; i < milliseconds; i++)
        {
            if (condition()) return;
            Step();
        }
        string state = string.Join("; ", Alive.Select(static node => $"{node} {node.Service.Role} at {node.Service.Position} {node.Service.Why} {StateMirror.DoingFor(node.Service)}"));
        Assert.Fail($"within {milliseconds} ms it did not happen that {what}: {state}");
    }

    internal void RunUntilQuiet() => RunUntil(
        () => Primary is { } primary && Alive.All(node => node.Group.Synchronised && node.Service.Position == primary.Service.Publisher.Last && !node.Service.Store.Tables.HasChains),
        "all are synchronised and stand alike");

    /// <summary>All living nodes hold the same records, physically.</summary>
    internal void AssertAlike()
    {
        string[] expected = Dump(Alive.First()).Split('\n');
        foreach (FakeNode node in Alive.Skip(1))
        {
            string[] actual = Dump(node).Split('\n');
            string missing = string.Join('\n', expected.Except(actual).Take(5)), extra = string.Join('\n', actual.Except(expected).Take(5));
            Assert.True(missing.Length + extra.Length == 0, $"{node} lacks of {Alive.First()}:\n{missing}\nand has more:\n{extra}");
        }
    }

    internal static string Dump(FakeNode node)
    {
        List<string> lines = [];
        Span<uint> handles = new uint[256];
        foreach (StateTable table in new[] { node.Store.Tables.Keys, node.Store.Tables.Fields })
        {
            ulong cursor = 0;
            do
            {
                int found = table.Scan(ref cursor, handles);
                for (int i = 0; i < found; i++)
                {
                    RecordView view = table.View(handles[i]);
                    if (view.Header.Tombstone) continue;
                    Assert.Equal(LocalFlags.None, view.Header.Local & LocalFlags.Placeholder);
                    ReadOnlySpan<byte> value = view.Header.Kind == RecordKind.Hash ? view.Value[..8] : view.Value;
                    lines.Add($"{Convert.ToHexString(view.Key)} {view.Header.Kind} {new RecordVersion(view.Header.Version)} {view.Header.ExpiryMilliseconds} {Convert.ToHexString(value)}");
                }
            }
            while (cursor != 0);
        }
        return string.Join('\n', lines.Order());
    }

    public void Dispose()
    {
        foreach (FakeNode node in _all) node.Mirror.Dispose();
    }

    private StateMirrorOptions Basics(string name) => new()
    {
        Node = name,
        DataMembers = Names,
        Services = [new MirroredServiceOptions("demo", Names[0])],
        Hash = StoreFixture.Hash,
        Limits = new StoreLimits { MemoryBytes = 32 << 20, MaxValueBytes = 16 << 10 },
        Classes = [Acknowledged(RecordClass.Purchase, 0, WhenShort.Refuse, "cart:*")],
    };

    private void Step()
    {
        Now += TimeSpan.FromMilliseconds(1);
        foreach (FakeNode node in Alive.ToList()) node.Group.Flush();
        foreach (FakeNode receiver in Alive.ToList())
        {
            foreach (FakeNode sender in Alive.ToList()) Deliver(sender, receiver);
        }
        foreach (FakeSyncChannel channel in Channels.ToList()) channel.Move(MessagesPerMillisecond);
        Channels.RemoveAll(static channel => channel.IsClosed);
        foreach (FakeNode node in Alive.ToList())
        {
            node.Mirror.OnRoundEnd(Now);
            node.Group.Flush();
        }
    }

    private void Deliver(FakeNode sender, FakeNode receiver)
    {
        if (sender == receiver || IsCut(sender, receiver) || receiver.MemberOf(sender) is not { } member) return;
        member.LastHeard = Now; // heartbeats are not held back
        if (_held.Contains((sender.Name, receiver.Name))) return;
        bool any = false;
        for (int next = receiver.Delivered[sender]; next < sender.Group.Stream.Count; next = receiver.Delivered[sender])
        {
            receiver.Delivered[sender] = next + 1;
            Assert.True(MessageRun.IsWellFormed(sender.Group.Stream[next]));
            receiver.Mirror.OnDeliver(member, (ulong)next + 1, new MessageRun(sender.Group.Stream[next]));
            any = true;
        }
        if (any) Report(receiver, sender);
    }

    private static void Report(FakeNode receiver, FakeNode sender)
    {
        if (sender.MemberOf(receiver) is not { } member || sender.Cluster.IsCut(receiver, sender)) return;
        member.ReceivedThrough = (ulong)receiver.Delivered.GetValueOrDefault(sender);
        if (receiver.Group.Synchronised) member.AppliedThrough = member.ReceivedThrough;
        sender.Mirror.OnProgress();
    }

    private static void Meet(FakeNode node, FakeNode other)
    {
        GroupMember? old = node.Group.MemberList.Find(member => member.Name == other.Name);
        if (old is not null)
        {
            old.State = MemberState.Left;
            node.Group.MemberList.Remove(old);
            node.Mirror.OnMemberChanged(old, MemberChange.Left);
        }
        var member = new GroupMember(NodeId.FromName(other.Name), other.Name, other.Group.Incarnation)
        {
            State = MemberState.Live,
            Synchronised = other.Group.Synchronised,
            LastHeard = node.Cluster.Now,
            Tag = other,
            ClockOffsetMilliseconds = other.ClockOffsetMilliseconds - node.ClockOffsetMilliseconds,
        };
        node.Group.MemberList.Add(member);
        node.Mirror.OnMemberChanged(member, MemberChange.Joined);
    }

    private static void Change(FakeNode node, FakeNode other, MemberState state, MemberChange change)
    {
        if (node.MemberOf(other) is not { } member) return;
        member.State = state;
        if (change == MemberChange.Restored) member.LastHeard = node.Cluster.Now;
        node.Mirror.OnMemberChanged(member, change);
    }

    private sealed class MemoryTerms : ITermStore
    {
        private readonly Dictionary<string, ulong> _terms = [];

        public ulong ReadTerm(string service) => _terms.GetValueOrDefault(service);

        public void WriteTerm(string service, ulong term) => _terms[service] = Math.Max(term, _terms.GetValueOrDefault(service));

        public void WriteTermSoon(string service, ulong term) => WriteTerm(service, term);
    }
}
