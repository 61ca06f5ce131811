using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>
/// Random deaths, restarts, partitions, lost leases, double promotions and hand-overs under load, one failure at a time: what one other member has acknowledged is never lost, and all end alike
/// (A2; ARCHITECTURE 6, invariants). A failure names its seed.
/// </summary>
public sealed class PromotionStormTests
{
    [Fact]
    public void Nothing_acknowledged_is_lost_while_fewer_than_two_of_its_holders_fail()
    {
        int seeds = TestCounts.Of("mirror.promotion-storms");
        for (int seed = 1; seed <= seeds; seed++)
        {
            using var storm = new Storm(seed);
            try
            {
                storm.Run();
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"seed {seed}, at {storm.Milliseconds} ms after {string.Join(", ", storm.History.TakeLast(12))}: {error.Message}", error);
            }
        }
        TestCounts.Reached("mirror.promotion-storms", seeds);
    }

    private sealed class Storm : IDisposable
    {
        private const int Length = 3000;
        private static readonly string[] Names = ["a", "b", "c"];
        private readonly Random _random;
        private readonly MirrorCluster _group;
        private readonly Queue<(FakeNode Node, ulong Term, ulong Ticket, string Key)> _pending = new();
        private readonly HashSet<string> _acknowledged = [];
        private (string From, string To)? _held;
        private int _releaseAt;
        private string? _away; // dead, or cut off
        private bool _isCut;
        private ulong _term = 1;
        private int _written, _changeAt = 200, _electAt = -1, _noticeAt = -1;

        internal Storm(int seed)
        {
            _random = new Random(seed);
            _group = new MirrorCluster(
                static options => MirrorCluster.Elected(options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, WhenShort.Refuse, "cart:*")] }), Names);
        }

        internal int Milliseconds { get; private set; }

        internal List<string> History { get; } = [];

        internal void Run()
        {
            for (; Milliseconds < Length; Milliseconds++)
            {
                Write();
                Delay();
                if (Milliseconds >= _changeAt) Change();
                if (Milliseconds == _noticeAt && _away is not null) _group.Notice(_away);
                if (Milliseconds == _electAt) Elect();
                _group.Run(1);
                NoteAcknowledged();
                Verify();
            }
            Heal();
            if (_held is { } held) _group.Release(held.From, held.To);
            _group.RunUntil(() => Primary is not null || TryElect(), "somebody serves");
            _group.RunUntilQuiet();
            _group.AssertAlike();
            Verify();
            Assert.True(_acknowledged.Count > Length / 10, $"only {_acknowledged.Count} writes were acknowledged");
        }

        public void Dispose() => _group.Dispose();

        // Of those that believe to be primary, the one that the elections know.
        private FakeNode? Primary => _group.Alive.FirstOrDefault(node => node.Service.Role == ServiceRole.Primary && node.Service.Term == _term);

        private void Write()
        {
            foreach (FakeNode node in _group.Alive.Where(static node => node.Service.Role == ServiceRole.Primary).ToList())
            {
                string key = _random.Next(3) == 0 ? $"k{_random.Next(20)}" : $"cart:{_written++}";
                if (node.Store.CheckWrite(StoreFixture.Bytes(key), 10) != WriteRefusal.None) continue;
                ulong ticket = node.Set(key, key);
                if (key[0] == 'c') _pending.Enqueue((node, node.Service.Term, ticket, key));
                if (key[0] == 'k' && _random.Next(4) == 0) node.Delete(key);
            }
        }

        // One of the others is slow for a while, so that only the third acknowledges.
        private void Delay()
        {
            if (_held is { } held && Milliseconds >= _releaseAt)
            {
                _group.Release(held.From, held.To);
                _held = null;
            }
            if (_held is not null || Primary is not { } primary || _random.Next(12) != 0) return;
            _held = (primary.Name, Names.Where(name => name != primary.Name).ElementAt(_random.Next(2)));
            _releaseAt = Milliseconds + _random.Next(1, 15);
            _group.Hold(_held.Value.From, _held.Value.To);
        }

        // What a listener tells its clients: a reply leaves when its ticket is resolved, and never after the role has ended.
        private void NoteAcknowledged()
        {
            for (int i = _pending.Count; i > 0; i--)
            {
                (FakeNode node, ulong term, ulong ticket, string key) one = _pending.Dequeue();
                if (!one.node.IsAlive || one.node.Service.Role != ServiceRole.Primary || one.node.Service.Term != one.term) continue;
                if (one.node.Store.ResolvedThrough >= one.ticket) _acknowledged.Add(one.key);
                else _pending.Enqueue(one);
            }
        }

        private void Verify()
        {
            if (Primary is not { } primary) return;
            foreach (string key in _acknowledged) Assert.True(primary.Get(key) is not null, $"{primary} lacks {key}, which was acknowledged");
        }

        private void Change()
        {
            _changeAt = Milliseconds + _random.Next(20, 400);
            if (_away is not null)
            {
                Heal();
                return;
            }
            bool isWhole = Primary is not null && _group.Committed.Count == 3 && _group.Alive.All(static node => node.Group.Synchronised);
            if (!isWhole) return;
            FakeNode primary = Primary!;
            string other = Names.Where(name => name != primary.Name).ElementAt(_random.Next(2));
            switch (_random.Next(6))
            {
                case 0 or 1:
                    Say($"kill {primary}");
                    _group.KillUnnoticed(_away = primary.Name); // what was on its way is lost
                    _electAt = Milliseconds + _random.Next(1, 240); // sooner or later than dead-after, and than the others' groups come to suspect it
                    _noticeAt = Milliseconds + _random.Next(1, 240);
                    break;
                case 2:
                    Say($"kill {other}");
                    _group.Kill(_away = other);
                    break;
                case 3:
                    Say($"cut {primary} off");
                    _away = primary.Name;
                    _isCut = true;
                    primary.Mirror.LoseLease("demo"); // its lease has ended before anybody else is elected
                    foreach (string name in Names.Where(name => name != _away)) _group.Cut(_away, name);
                    _electAt = Milliseconds + _random.Next(1, 60);
                    break;
                case 4:
                    Say($"hand over to {other}");
                    primary.Mirror.HandOver("demo", other);
                    _term = primary.Service.Term + 1;
                    _electAt = Milliseconds + 100;
                    break;
                default:
                    Say($"elect {other} over {primary}");
                    primary.Mirror.LoseLease("demo");
                    _electAt = Milliseconds + 1;
                    break;
            }
        }

        private void Elect()
        {
            if (_group.Primary is { } serving && _away is null)
            {
                _term = serving.Service.Term; // a hand-over that came about, or not
                return;
            }
            if (!TryElect()) _electAt = Milliseconds + 20;
        }

        private bool TryElect()
        {
            List<FakeNode> candidates = [.. _group.Alive.Where(node => _group.Committed.Contains(node.Name) && node.Service.IsComplete && !(_isCut && node.Name == _away))];
            if (candidates.Count == 0 || candidates.Exists(static node => node.Service.Role == ServiceRole.Recovering)) return false;
            if (_random.Next(4) == 0 && candidates.Count > 1)
            {
                Say($"elect {candidates[0]} and {candidates[1]}");
                _group.Elect(candidates[0].Name, ++_term);
                _group.Run(_random.Next(4));
                _group.Elect(candidates[1].Name, ++_term);
                return true;
            }
            FakeNode candidate = candidates[_random.Next(candidates.Count)];
            Say($"elect {candidate}");
            _group.Elect(candidate.Name, ++_term);
            return true;
        }

        private void Heal()
        {
            if (_away is null) return;
            Say($"bring {_away} back");
            if (_isCut)
            {
                foreach (string name in Names.Where(name => name != _away)) _group.Heal(_away, name);
            }
            else
            {
                _group.Start(_away);
            }
            _noticeAt = -1;
            (_away, _isCut) = (null, false);
        }

        private void Say(string what) => History.Add($"{Milliseconds} {what}");
    }
}
