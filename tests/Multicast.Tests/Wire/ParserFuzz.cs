using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Multicast.Wire;

/// <summary>Any bytes: no crash, no hang, no unbounded memory. Bodies are mutated before they are sealed with a valid key. P-06.</summary>
public sealed class ParserFuzz
{
    private static readonly byte[][] Corpus =
    [
        WireBytes.Report(), WireBytes.Report(new SequenceRange(101, 101), new SequenceRange(103, 110), new SequenceRange(200, 499)),
        WireBytes.Beat(), WireBytes.Beat(new BeatEntry(WireBytes.Node, 3, 4, 5, BeatEntryFlags.GroupHeard), new BeatEntry(NodeId.FromName("b"), 1, 4, 5, 0)),
        WireBytes.BeatWith("an extension", new BeatEntry(WireBytes.Node, 3, 4, 5, BeatEntryFlags.GroupHeard)), WireBytes.BeatWith(new string('x', BeatView.MaxExtensionBytes)),
        WireBytes.Gone(), WireBytes.Leave(), WireBytes.Join(null, 9, 2, 0, 0, 10, 0), WireBytes.Setup(), WireBytes.Frames("abc", "", "defghij"),
    ];

    [Fact]
    public void Every_prefix_and_every_split_parses_or_is_refused()
    {
        foreach (byte[] body in Corpus)
        {
            for (int at = 0; at <= body.Length; at++)
            {
                int read = ReadEverything(body.AsSpan(0, at));
                Assert.True(at < body.Length || read > 0, "no view takes a whole body");
                ReadEverything(body.AsSpan(at));
            }
        }
    }

    [Fact]
    public void Mutated_bodies_parse_or_are_refused()
    {
        int count = TestCounts.Of("parser.mutations");
        var random = new Random(20_251);
        int taken = 0;
        for (int i = 0; i < count; i++) taken += ReadEverything(Mutate(random, Corpus[i % Corpus.Length])) > 0 ? 1 : 0;
        Assert.InRange(taken, count / 10, count * 9 / 10); // else the mutations hardly reach the parsers, or change nothing
        TestCounts.Reached("parser.mutations (datagram views)", count);
    }

    [Fact]
    public void An_engine_takes_any_authentic_datagram()                     // also from a member gone mad
    {
        int count = TestCounts.Of("parser.mutations");
        DatagramType[] types = [DatagramType.Data, DatagramType.Report, DatagramType.Heartbeat, DatagramType.Probe, DatagramType.Gone, DatagramType.Leave, DatagramType.Join, DatagramType.Setup];
        var random = new Random(20_252);
        Engine.TestGroup? group = null;
        StreamCipher? cipher = null;
        long memory = 0;
        ulong counter = 0;
        for (int i = 0; i < count; i++)
        {
            if (i % 2000 == 0)                                              // a fresh victim now and then: a LEAVE ends the member
            {
                group?.Dispose();
                cipher?.Dispose();
                group = Engine.TestGroup.Of(2);
                memory = group["b"].Engine.MemoryBytes;
                var a = group["a"].Engine;
                cipher = new StreamCipher(Engine.TestGroup.Key, 1, a.Self, 1, a.Identity.Salt);
                counter = 1_000;
                group["b"].Records = false;
            }
            var type = types[random.Next(types.Length)];
            byte[] body = Mutate(random, Aim(group!, Corpus[random.Next(Corpus.Length)]));
            ulong sequence = type == DatagramType.Data ? (ulong)random.Next(1, 300) : ++counter;
            byte[] datagram = WireBytes.Datagram(type, body, cipher, sequence, (DatagramFlags)random.Next(0, 32) & ~DatagramFlags.Ignorable, group!["a"].Engine.Self, 1, group["a"].Engine.Identity.Salt);
            if (random.Next(4) == 0)
            {
                byte[] repair = new byte[datagram.Length + 8];
                DatagramPrefix.WriteRepair(repair, 1, WireBytes.Group, datagram);
                datagram = repair;
            }
            group.Inject(group["b"], datagram, (ReceivePath)random.Next(3), group["a"].EndPoint);
            if (i % 50 == 0) group.Run(milliseconds: random.Next(20));
            Assert.True(group["b"].Engine.MemoryBytes <= memory + (8 << 20), "unbounded memory");
        }
        group?.Dispose();
        cipher?.Dispose();
        TestCounts.Reached("parser.mutations (sealed datagrams)", count);
    }

    [Fact]
    public void An_engine_takes_any_bytes()
    {
        int count = TestCounts.Of("parser.mutations");
        var random = new Random(20_253);
        using var group = Engine.TestGroup.Of(2);
        var recorded = new List<byte[]>();
        group.Sees = p => recorded.Add(p.Bytes);
        for (int i = 0; i < 20; i++) group["a"].PublishNow("some message");
        group.Run(milliseconds: 100);
        group.Sees = static _ => { };
        byte[][] corpus = [.. recorded.DistinctBy(static b => (b[1], b.Length)).Take(20)];
        long delivered = group["b"].Delivered;
        for (int i = 0; i < count; i++) group.Inject(group["b"], Mutate(random, corpus[i % corpus.Length]), (ReceivePath)random.Next(3));
        Assert.Equal(delivered, group["b"].Delivered);
        TestCounts.Reached("parser.mutations (raw datagrams)", count);
    }

    /// <summary>Makes reports and GONEs speak of the victim, so that they get further.</summary>
    private static byte[] Aim(Engine.TestGroup group, byte[] body)
    {
        byte[] aimed = [.. body];
        if (aimed.Length >= 16) System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(aimed, group["b"].Engine.Self.Value);
        if (aimed.Length >= 16) System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(aimed.AsSpan(8), 1);
        return aimed;
    }

    private static byte[] Mutate(Random random, byte[] original)
    {
        var bytes = new List<byte>(original);
        for (int i = random.Next(1, 5); i > 0; i--)
        {
            int at = random.Next(bytes.Count + 1);
            switch (random.Next(6))
            {
                case 0 when at < bytes.Count: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1 when at < bytes.Count: bytes[at] = (byte)random.Next(256); break;
                case 2 when at < bytes.Count: bytes[at] = random.Next(2) == 0 ? (byte)0xFF : (byte)0; break;
                case 3: bytes.Insert(at, (byte)random.Next(256)); break;
                case 4 when at < bytes.Count: bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(1, 9))); break;
                default: if (bytes.Count < 1300) bytes.InsertRange(at, original.Take(random.Next(original.Length))); break;
            }
        }
        return [.. bytes];
    }

    /// <summary>Parses with every view and touches all that a view offers.</summary>
    // Answers how many bodies the bytes could be.
    private static int ReadEverything(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        int bodies = 0;
        if (DatagramPrefix.TryParse(bytes, out var prefix) == DropReason.None) sum += prefix.Group + (ulong)prefix.Type;
        if (DatagramHeader.TryParse(bytes, out var header) == DropReason.None)
        {
            sum += header.Counter + header.KeyId + (ulong)header.Sealed.Length;
            if (header.ClearBytes > DatagramHeader.Bytes) sum += (ulong)header.Salt;
        }
        if (ReportView.TryParse(bytes, out var report) == DropReason.None)
        {
            bodies++;
            for (int i = 0; i < report.RangeCount; i++) sum += report[i].Count;
        }
        if (BeatView.TryParse(bytes, out var beat) == DropReason.None)
        {
            bodies++;
            for (int i = 0; i < beat.EntryCount; i++) sum += beat[i].EchoSent;
            foreach (byte b in beat.Extension) sum += b;
        }
        if (GoneView.TryParse(bytes, out var gone) == DropReason.None)
        {
            bodies++;
            sum += gone.Oldest;
        }
        if (LeaveView.TryParse(bytes, out var leave) == DropReason.None)
        {
            bodies++;
            sum += leave.Highest;
        }
        if (IntroductionView.TryParse(bytes, out var introduction) == DropReason.None)
        {
            bodies++;
            sum += (ulong)introduction.Name.Length + (ulong)(introduction.SynchronisationEndPoint?.Port ?? 0);
        }
        if (SetupView.TryParse(bytes, out var setup) == DropReason.None)
        {
            bodies++;
            sum += setup.Position + (ulong)(setup.KnownEndPoint?.Port ?? 0);
        }
        if (MessageFrames.TryCount(bytes, out int messages))
        {
            bodies++;
            foreach (var message in new MessageRun(bytes))
            {
                sum += (ulong)message.Length;
                messages--;
            }
            Assert.Equal(0, messages);
        }
        GC.KeepAlive(sum);
        return bodies;
    }
}
