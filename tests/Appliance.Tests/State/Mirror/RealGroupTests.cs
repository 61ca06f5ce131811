using System.Net;
using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;
using Xunit.Abstractions;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Promotions and hand-overs over real sockets and loops: three nodes on loopback, without listeners and elections.</summary>
public sealed class RealGroupTests(ITestOutputHelper output)
{
    private static readonly string[] Names = ["a", "b", "c"];

    [Fact]
    public void Takeovers_and_hand_overs_open_no_connection_when_all_stand_alike()
    {
        using var group = new Trio();
        group["a"].Ask(node => node.Mirror.BecomePrimary("demo", 1));
        group.Until("all are synchronised", static node => node.Mirror.IsSynchronised && (node.Name != "a" || node.Committed.Count == 3));
        for (int i = 0; i < 200; i++) group["a"].Ask(node => node.Set($"k{i}", $"{i}"));
        group.Until("all have them", static node => node.Mirror.Store("demo").KeyCount == 200);
        long connections = group.Connections;
        List<double> takeovers = [], handOvers = [];
        ulong term = 1;
        RealNode primary = group["a"];
        for (int round = 0; round < 12; round++)
        {
            RealNode next = group[Names[(round + 1) % 3]];
            term++;
            long began;
            if (round % 2 == 0)
            {
                primary.Ask(static node => node.Mirror.LoseLease("demo"));
                began = EventLoop.ReadClock().Nanoseconds;
                IReadOnlyCollection<string> committed = primary.Committed;
                next.Ask(node => node.Mirror.BecomePrimary("demo", term, committed));
            }
            else
            {
                began = EventLoop.ReadClock().Nanoseconds;
                primary.Ask(node => node.Mirror.HandOver("demo", next.Name));
            }
            group.Until($"{next.Name} serves in term {term}", _ => next.ServedAt.ContainsKey(term));
            (round % 2 == 0 ? takeovers : handOvers).Add((next.ServedAt[term] - began) / 1e6);
            next.Ask(node => node.Set("last", $"{term}"));
            group.Until("all follow", node => node.Mirror.IsSynchronised && node.Get("last") == $"{term}" && (node != next || node.Committed.Count == 3));
            primary = next;
        }
        Assert.Equal(connections, group.Connections);
        Assert.All(group.Nodes, static node => Assert.Equal(201, node.Ask(static one => one.Mirror.Store("demo").KeyCount)));
        output.WriteLine($"milliseconds to serve: takeover {string.Join(' ', takeovers.Select(static one => $"{one:F2}"))}; hand-over {string.Join(' ', handOvers.Select(static one => $"{one:F2}"))}");
    }

    [Fact]
    public void A_primary_that_is_gone_is_followed_and_comes_back_as_a_secondary()
    {
        using var group = new Trio();
        group["a"].Ask(node => node.Mirror.BecomePrimary("demo", 1));
        group.Until("all are synchronised", static node => node.Mirror.IsSynchronised && (node.Name != "a" || node.Committed.Count == 3));
        for (int i = 0; i < 200; i++) group["a"].Ask(node => node.Set($"k{i}", $"{i}"));
        group.Until("all have them", static node => node.Mirror.Store("demo").KeyCount == 200);
        group.Kill("a");
        group["b"].Ask(node => node.Mirror.BecomePrimary("demo", 2, Names));
        group.Until("b serves", _ => group["b"].ServedAt.ContainsKey(2));
        group["b"].Ask(node => node.Set("k7", "term 2"));
        group.Start("a", incarnation: 2);
        group["a"].Ask(node => node.Mirror.Follow("demo", 2, "b")); // as the elections tell every node
        group.Until("a is back", static node => node.Mirror.IsSynchronised && node.Get("k7") == "term 2" && node.Mirror.Store("demo").KeyCount == 200);
        Assert.Equal("b", group["a"].Ask(static node => node.Mirror.Store("demo").PrimaryName));
    }

    private sealed class Trio : IDisposable
    {
        internal Trio()
        {
            foreach (string name in Names) Start(name, incarnation: 1);
        }

        internal List<RealNode> Nodes { get; } = [];

        internal long Connections => Nodes.Sum(static node => node.Snapshots.Listener.Accepted);

        internal RealNode this[string name] => Nodes.Find(node => node.Name == name)!;

        internal void Start(string name, ulong incarnation)
        {
            Nodes.Add(new RealNode(name, Array.IndexOf(Names, name) + 1, incarnation));
            Nodes.Sort(static (left, right) => string.CompareOrdinal(left.Name, right.Name));
        }

        internal void Kill(string name)
        {
            this[name].Dispose();
            Nodes.Remove(this[name]);
        }

        /// <summary>Waits until something holds, asked of each node on its loop.</summary>
        internal void Until(string what, Func<RealNode, bool> condition)
        {
            bool isSo = SpinWait.SpinUntil(() => Nodes.TrueForAll(node => node.Ask(condition)), TimeSpan.FromSeconds(30));
            Assert.True(isSo, $"within 30 s it did not happen that {what}: {string.Join("; ", Nodes.Select(static node => node.Describe()))}");
        }

        public void Dispose()
        {
            foreach (RealNode node in Nodes) node.Dispose();
        }
    }

    private sealed class RealNode : IMirrorRoles, ITermStore, IDisposable
    {
        private static readonly int Process = Environment.ProcessId;
        private readonly EventLoop _loop = new();
        private readonly SealedSyncTransport _channels;
        private readonly MulticastGroup _group;
        private readonly Thread _thread;
        private ulong _term;

        internal RealNode(string name, int number, ulong incarnation)
        {
            Name = name;
            GroupKey[] keys = [new GroupKey(1, new byte[32])];
            IPAddress address = Address(number);
            var options = new StateMirrorOptions
            {
                Node = name,
                DataMembers = Names,
                Services = [new MirroredServiceOptions("demo", null)],
                Classes = [ClassOptions.DefaultsOf(RecordClass.Purchase)],
                Hash = StoreFixture.Hash,
                Limits = new StoreLimits { MemoryBytes = 64 << 20, MaxValueBytes = 16 << 10 },
            };
            var connections = new SealedConnectionSettings { GroupName = "test", NodeName = name, Keys = keys };
            int frameBytes = SyncLimits.MessageBytes(options.Limits);
            _channels = new SealedSyncTransport(_loop, connections, frameBytes);
            Mirror = new StateMirror(options, _channels, this, static (_, _) => { }) { Roles = this };
            Snapshots = SynchronisationServer.Start(new IPEndPoint(address, 0), connections, frameBytes, Mirror.CreateServerSession);
            _group = MulticastGroup.Start(
                new GroupSettings
                {
                    Name = "test",
                    NodeName = name,
                    Incarnation = incarnation,
                    Interface = address.ToString(),
                    Address = IPAddress.Parse($"239.194.{Process >> 8 & 255}.{Process & 255}"),
                    Peers = [.. Enumerable.Range(1, Names.Length).Select(static peer => new IPEndPoint(Address(peer), 7770))],
                    Keys = keys,
                    LockMemory = false,
                    SynchronisationEndPoint = Snapshots.EndPoint,
                },
                _loop,
                Mirror);
            Mirror.Start(_group);
            _loop.Add(Mirror);
            _thread = new Thread(_loop.Run) { Name = $"loop of {name}", IsBackground = true };
            _thread.Start();
        }

        internal string Name { get; }

        internal StateMirror Mirror { get; }

        internal SynchronisationServer Snapshots { get; }

        internal IReadOnlyCollection<string> Committed { get; private set; } = Names;

        internal System.Collections.Concurrent.ConcurrentDictionary<ulong, long> ServedAt { get; } = new();

        internal void Ask(Action<RealNode> action) => Ask(node =>
        {
            action(node);
            return true;
        });

        internal T Ask<T>(Func<RealNode, T> question)
        {
            if (Thread.CurrentThread == _thread) return question(this);
            TaskCompletionSource<T> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _loop.Post(() =>
            {
                try
                {
                    done.SetResult(question(this));
                }
                catch (Exception error)
                {
                    done.SetException(error);
                }
            });
            return done.Task.GetAwaiter().GetResult();
        }

        internal void Set(string key, string value)
        {
            ServiceStore store = Mirror.Store("demo");
            Assert.Equal(WriteRefusal.None, store.CheckWrite(StoreFixture.Bytes(key), value.Length));
            store.Set(StoreFixture.Bytes(key), StoreFixture.Bytes(value), 0);
        }

        internal string? Get(string key) =>
            Mirror.Store("demo").TryRead(StoreFixture.Bytes(key), out StoredValue value) ? System.Text.Encoding.UTF8.GetString(value.Bytes) : null;

        internal string Describe() => Ask(static node => $"{node.Name} {node.Mirror.Services[0].Role} at {node.Mirror.Services[0].Position} {node.Mirror.ReadStatus()[0].Why}");

        public ulong ReadTerm(string service) => _term;

        public void WriteTerm(string service, ulong term) => _term = term;

        public void OnServing(string service, ulong term)
        {
            ServedAt[term] = EventLoop.ReadClock().Nanoseconds;
            Mirror.CommitSynchronised(service, Mirror.SynchronisedMembers(service));
        }

        public void OnTermTooLow(string service, ulong term, ulong seenTerm)
        {
        }

        public void OnStoodDown(string service, ulong higherTerm)
        {
        }

        public void OnSynchronisedMembersChanged(string service)
        {
            Committed = Mirror.SynchronisedMembers(service);
            Mirror.CommitSynchronised(service, Committed);
        }

        public void OnHandedOver(string service, string target, ulong term)
        {
        }

        public void OnHandOverFailed(string service, string target, string why)
        {
        }

        public void OnOffered(string service, string from, ulong term) => Mirror.BecomePrimary(service, term);

        public void Dispose()
        {
            _loop.RequestStop();
            _thread.Join();
            _channels.Dispose();
            Snapshots.Dispose();
            _group.Dispose();
            Mirror.Dispose();
            _loop.Dispose();
        }

        private static IPAddress Address(int number) => IPAddress.Parse($"127.{Process >> 8 & 127}.{Process & 255}.{number}");
    }
}
