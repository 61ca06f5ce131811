using Appliance.Multicast;
using Appliance.State;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Whatever bytes arrive, the parsers of records and of synchronisation messages answer; they never fail and never read beyond.</summary>
public sealed class RecordFuzzTests
{
    private static readonly ServiceId Service = ServiceId.FromName("demo");

    public static TheoryData<string> Messages => [.. Corpus().Keys];

    [Theory, MemberData(nameof(Messages))]
    public void Every_prefix_is_refused_and_the_whole_is_read(string name)
    {
        byte[] whole = Corpus()[name];
        for (int length = 0; length < whole.Length; length++) Assert.False(ParsesAs(name, whole[..length]), $"{length} of {whole.Length} bytes");
        Assert.True(ParsesAs(name, whole));
    }

    [Theory, MemberData(nameof(Messages))]
    public void A_longer_message_is_refused(string name)
    {
        if (name == "chunk") return; // what follows a record there is the next record
        Assert.False(ParsesAs(name, [.. Corpus()[name], 0]));
    }

    [Fact]
    public void Mutated_messages_are_answered()
    {
        int count = TestCounts.Of("parser.mutations");
        var random = new Random(20260101);
        KeyValuePair<string, byte[]>[] corpus = [.. Corpus()];
        long accepted = 0;
        for (int i = 0; i < count; i++)
        {
            byte[] bytes = Mutate(corpus[random.Next(corpus.Length)].Value, random);
            if (ReadAll(bytes)) accepted++;
        }
        TestCounts.Reached("parser.mutations (records, synchronisation)", count);
        Assert.InRange(accepted, 1, count - 1);
    }

    [Fact]
    public void A_server_takes_any_request_and_a_mirror_any_message()
    {
        int count = TestCounts.Of("parser.mutations") / 10;
        var random = new Random(20260102);
        using var group = new MirrorCluster("a", "b");
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        string before = MirrorCluster.Dump(group["b"]);
        KeyValuePair<string, byte[]>[] corpus = [.. Corpus()];
        byte[] buffer = new byte[group["b"].Mirror.CreateServerSession().MaxMessageBytes];
        for (int i = 0; i < count; i++)
        {
            SyncServerSession session = group["b"].Mirror.CreateServerSession();
            if (session.OnRequest(Mutate(corpus[random.Next(corpus.Length)].Value, random)))
            {
                for (int messages = 0; session.Produce(buffer) > 0; messages++) Assert.True(messages < 10, "an answer without end");
            }
        }
        Assert.Equal(before, MirrorCluster.Dump(group["b"]));
        TestCounts.Reached("parser.mutations (requests to a server, a tenth)", count);
    }

    [Fact]
    public void Records_survive_a_round_trip()
    {
        var random = new Random(7);
        byte[] buffer = new byte[4096];
        for (int i = 0; i < 2000; i++)
        {
            byte[] key = new byte[random.Next(100)], value = new byte[random.Next(1000)];
            random.NextBytes(key);
            random.NextBytes(value);
            var version = new RecordVersion((ulong)random.Next(1, 1 << 20), (ulong)random.NextInt64(1, (long)RecordVersion.MaxSequence));
            long expiry = random.Next(2) == 0 ? 0 : random.NextInt64(1, RecordCodec.MaxExpiryMilliseconds);
            var kind = (RecordKind)random.Next(3, 256);
            var recordClass = (RecordClass)random.Next(4);
            int bytes = RecordCodec.Write(buffer, Service, kind, recordClass, false, version, expiry, key, value);
            Assert.Equal(RecordCodec.Bytes(key.Length, value.Length, expiry != 0), bytes);
            Assert.Equal(RecordParseResult.Ok, EncodedRecord.TryParse(buffer.AsSpan(0, bytes), out EncodedRecord record));
            Assert.Equal((kind, recordClass, version, expiry, Service), (record.Kind, record.Class, record.Version, record.ExpiryMilliseconds, record.Service));
            Assert.True(record.Key.SequenceEqual(key) && record.Value.SequenceEqual(value) && !record.IsTombstone);
        }
    }

    [Theory]
    [InlineData(1, 5, RecordParseResult.BadAttributes)] // reserved byte, see Change
    [InlineData(2, 0x80, RecordParseResult.BadAttributes)]
    [InlineData(2, 0x07, RecordParseResult.BadClass)]
    [InlineData(0, 9, RecordParseResult.WrongType)]
    [InlineData(2, 0x08, RecordParseResult.BadForm)] // a tombstone with a value
    internal void Refusals_say_why(int at, byte value, RecordParseResult expected)
    {
        byte[] bytes = Corpus()["record"];
        if (expected == RecordParseResult.BadAttributes && at == 1) bytes[3] = value;
        else bytes[at] = value;
        Assert.Equal(expected, EncodedRecord.TryParse(bytes, out _));
    }

    [Theory]
    [InlineData(0, 6, RecordParseResult.WrongType)]
    [InlineData(2, 1, RecordParseResult.BadAttributes)]
    [InlineData(31, 2, RecordParseResult.BadNumber)] // the next term is that of the last version
    [InlineData(31, 1, RecordParseResult.BadNumber)]
    [InlineData(24, 1, RecordParseResult.BadNumber)] // above the largest term
    internal void A_hand_over_is_refused_with_its_reason(int at, byte value, RecordParseResult expected)
    {
        byte[] bytes = Corpus()["hand-over"];
        bytes[at] = value;
        Assert.Equal(expected, HandOverMessage.TryParse(bytes, out _, out _, out _, out _));
    }

    [Fact]
    public void Chains_must_ascend_below_their_term()
    {
        TermChain chain = TermChain.Empty.Begin(3, RecordVersion.None).Begin(5, new RecordVersion(3, 10)).Begin(9, new RecordVersion(5, 7));
        Assert.True(chain.Covers(new RecordVersion(3, 10)));
        Assert.False(chain.Covers(new RecordVersion(3, 11)));
        Assert.False(chain.Covers(new RecordVersion(4, 1)));
        Assert.True(chain.Covers(new RecordVersion(9, 1_000_000)));
        Assert.Equal(new RecordVersion(5, 7), chain.Clamp(new RecordVersion(5, 9)));
        Assert.True(chain.IsNext(new RecordVersion(5, 7), new RecordVersion(9, 1)));
        Assert.False(chain.IsNext(new RecordVersion(5, 6), new RecordVersion(9, 1)));
        byte[] bytes = new byte[chain.EncodedBytes];
        chain.Write(bytes);
        Assert.Equal(RecordParseResult.Ok, TermChain.TryParse(bytes, 9, out TermChain read));
        Assert.Equal(chain.Endings.ToArray(), read.Endings.ToArray());
        Assert.Equal(RecordParseResult.BadChain, TermChain.TryParse(bytes, 5, out _));
    }

    private static bool ParsesAs(string name, ReadOnlySpan<byte> bytes) => name switch
    {
        "record" or "field" or "head" or "tombstone" or "expiring" => EncodedRecord.TryParse(bytes, out _) == RecordParseResult.Ok,
        "cut" => CutMessage.TryParse(bytes, out _, out _) == RecordParseResult.Ok,
        "floor" => FloorMessage.TryParse(bytes, out _, out _) == RecordParseResult.Ok,
        "survey" => SurveyMessage.TryParse(bytes, out _, out _, out _) == RecordParseResult.Ok,
        "hand-over" => HandOverMessage.TryParse(bytes, out _, out _, out _, out _) == RecordParseResult.Ok,
        "position" => PositionMessage.TryParse(bytes, out _, out _, out _, out _) == RecordParseResult.Ok,
        "mark" or "refusal" => SyncMark.TryParse(bytes, out _),
        "snapshot request" => SnapshotRequest.TryParse(bytes, out _, out _, out _),
        "keys request" => KeysRequest.TryParse(bytes, out _, out _, out _),
        "chunk" => ReadsChunk(bytes),
        "tls" => TlsSessionView.TryParse(bytes, out _),
        "authentication" => AuthenticationView.TryParse(bytes, out _),
        "segment" => SegmentView.TryParse(bytes, out _),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "unknown"),
    };

    private static bool ReadsChunk(ReadOnlySpan<byte> bytes)
    {
        if (!SyncRecords.TryParse(bytes, out _, out ReadOnlySpan<byte> records) || records.IsEmpty) return false;
        int count = 0;
        while (!records.IsEmpty)
        {
            if (EncodedRecord.TryParseFirst(records, out EncodedRecord record, out int consumed) != RecordParseResult.Ok) return false;
            Assert.InRange(consumed, RecordCodec.FixedBytes, records.Length);
            count += record.Key.Length + record.Value.Length >= 0 ? 1 : 0;
            records = records[consumed..];
        }
        return count == 3;
    }

    // Everything that a view can be asked is asked.
    private static bool ReadAll(byte[] bytes)
    {
        bool any = false;
        if (EncodedRecord.TryParse(bytes, out EncodedRecord record) == RecordParseResult.Ok)
        {
            any = true;
            Assert.InRange(record.Key.Length + record.Value.Length, 0, bytes.Length);
            Assert.True(record.Version.Term > 0 && record.ExpiryMilliseconds >= 0 && (int)record.Class < RecordCodec.ClassCount);
            if (record.Kind == RecordKind.HashField)
            {
                Assert.True(HashFieldKey.TryParse(record.Key, out HashFieldKey name));
                Assert.Equal(record.Key.Length, HashFieldKey.Bytes(name.Key.Length, name.Field.Length));
            }
        }
        any |= CutMessage.TryParse(bytes, out _, out _) == RecordParseResult.Ok;
        any |= FloorMessage.TryParse(bytes, out _, out _) == RecordParseResult.Ok;
        any |= SurveyMessage.TryParse(bytes, out _, out _, out _) == RecordParseResult.Ok;
        any |= HandOverMessage.TryParse(bytes, out _, out RecordVersion last, out _, out ulong next) == RecordParseResult.Ok && next > last.Term && next <= RecordVersion.MaxTerm;
        if (PositionMessage.TryParse(bytes, out _, out _, out _, out ServicePosition? position) == RecordParseResult.Ok)
        {
            any = true;
            Assert.InRange(position!.Chain.Endings.Length, 0, TermChain.MaxTerms);
        }
        any |= SyncMark.TryParse(bytes, out _) | SnapshotRequest.TryParse(bytes, out _, out _, out _) | KeysRequest.TryParse(bytes, out _, out _, out _) | ReadsChunk(bytes);
        if (TlsSessionView.TryParse(bytes, out TlsSessionView tls)) Assert.Equal(bytes.Length - 14, tls.SessionId.Length + tls.Session.Length + tls.Identity.Length);
        if (AuthenticationView.TryParse(bytes, out AuthenticationView user)) Assert.NotEqual(0, user.User.Length);
        if (SegmentView.TryParse(bytes, out SegmentView segment)) Assert.NotNull(segment.Client.ToString() + segment.Server + segment.ClientToServer + segment.ServerToClient);
        return any;
    }

    private static byte[] Mutate(byte[] original, Random random)
    {
        byte[] bytes = [.. original];
        for (int i = random.Next(4); i >= 0 && bytes.Length > 0; i--)
        {
            int at = random.Next(bytes.Length);
            switch (random.Next(6))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes[at] = random.Next(2) == 0 ? (byte)0 : (byte)255; break;
                case 3: bytes = bytes[..at]; break;
                case 4: bytes = [.. bytes[..at], .. new byte[random.Next(20)], .. bytes[at..]]; break;
                default: bytes = [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(20))..]]; break;
            }
        }
        return bytes;
    }

    private static Dictionary<string, byte[]> Corpus()
    {
        byte[] buffer = new byte[8192], fieldKey = new byte[64];
        fieldKey = fieldKey[..HashFieldKey.Write(fieldKey, new RecordVersion(1, 4).Value, "hash"u8, "field"u8)];
        TermChain chain = TermChain.Empty.Begin(1, RecordVersion.None).Begin(2, new RecordVersion(1, 100)).Begin(4, new RecordVersion(2, 5));
        var position = new ServicePosition
        {
            Position = new RecordVersion(4, 9),
            Highest = new RecordVersion(4, 9),
            Floor = new RecordVersion(2, 1),
            IsComplete = true,
            IsPrimary = true,
            Remembers = true,
            Promised = 5,
            Chain = chain,
        };
        byte[] record = Take(RecordCodec.Write(buffer, Service, RecordKind.Bytes, RecordClass.Application, false, new RecordVersion(1, 2), 0, "key"u8, "value"u8));
        byte[] tombstone = Take(RecordCodec.Write(buffer, Service, RecordKind.Bytes, RecordClass.Purchase, true, new RecordVersion(1, 3), 0, "key"u8, default));
        byte[] field = Take(RecordCodec.Write(buffer, Service, RecordKind.HashField, RecordClass.Application, false, new RecordVersion(1, 5), 0, fieldKey, "value"u8));
        var direction = new SegmentDirection { Sequence = 1, Acknowledgement = 2, Window = 3, Scale = 7, SackPermitted = true, Timestamps = true, MaximumSegment = 1460, TimestampValue = 9, TimestampEcho = 8 };
        return new()
        {
            ["record"] = record,
            ["tombstone"] = tombstone,
            ["field"] = field,
            ["head"] = Take(RecordCodec.Write(buffer, Service, RecordKind.Hash, RecordClass.Application, false, new RecordVersion(1, 4), 5, "hash"u8, new byte[8])),
            ["expiring"] = Take(RecordCodec.Write(buffer, Service, RecordKind.Bytes, RecordClass.Segment, false, new RecordVersion(1, 2), 1_700_000_000_000, "key"u8, "value"u8)),
            ["cut"] = Take(CutMessage.Write(buffer, Service, chain)),
            ["floor"] = Take(FloorMessage.Write(buffer, Service, new RecordVersion(2, 3))),
            ["survey"] = Take(SurveyMessage.Write(buffer, Service, 7, 1)),
            ["hand-over"] = Take(HandOverMessage.Write(buffer, Service, new RecordVersion(2, 3), NodeId.FromName("b"), 3)),
            ["position"] = Take(PositionMessage.Write(buffer, Service, NodeId.FromName("a"), 1, position)),
            ["mark"] = Take(new SyncMark(SyncMessageType.SnapshotEnd, SyncRefusal.None, Service, new RecordVersion(1, 1), new RecordVersion(1, 2), default).Write(buffer)),
            ["refusal"] = Take(new SyncMark(SyncMessageType.Refused, SyncRefusal.BelowFloor, Service, default, default, default).Write(buffer)),
            ["snapshot request"] = Take(SnapshotRequest.Write(buffer, Service, new RecordVersion(1, 1), true)),
            ["keys request"] = Take(KeysRequest.Write(buffer, Service, new byte[][] { [1, 2, 3], [], [4] }, false, out _)),
            ["chunk"] = [(byte)SyncMessageType.Records, 0, 0, 0, .. BitConverter.GetBytes(System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(Service.Value)), .. record, .. tombstone, .. field],
            ["tls"] = Take(TlsSessionView.Write(buffer, [1, 2, 3, 4], new byte[100], "client.example"u8, 1_700_000_000_000)),
            ["authentication"] = Take(AuthenticationView.Write(buffer, "alice"u8, AuthenticationMethod.Password, 1, 2)),
            ["segment"] = Take(SegmentView.Write(buffer, new(System.Net.IPAddress.Parse("10.0.0.1"), 1234), new(System.Net.IPAddress.Parse("10.0.0.2"), 443), direction, direction)),
        };

        byte[] Take(int bytes) => buffer[..bytes];
    }
}
