using Appliance.TcpStateMirror.Takeover;
using Appliance.Tests.Shared;

namespace Appliance.Tests.TcpStateMirror.Takeover;

/// <summary>Whatever the order, the cuts, the repetitions and the lies: what is contiguous is what was sent first, and memory is bounded.</summary>
[Trait("Demand", "A8")]
public sealed class Putting_streams_together
{
    [Fact]
    public void Segments_in_any_order_with_overlaps_and_trims_give_the_stream_that_was_sent()
    {
        int segments = TestCounts.Of("takeover.segments");
        var random = new Random(917);
        var memory = new AssemblyMemory(4L * StreamAssembly.LargestBytes);
        for (int done = 0, round = 0; done < segments; round++)
        {
            byte[] sent = new byte[random.Next(1, 1 << 17)];
            random.NextBytes(sent);
            long start = random.Next(3) == 0 ? (1L << 33) - random.Next(1 << 16) : 0;
            using var stream = new StreamAssembly(memory, start);
            var model = new bool[sent.Length + 1]; // the last for the FIN
            for (int step = 0; step < 200; step++, done++)
            {
                int front = (int)(stream.End - start);
                int offset = random.Next(4) == 0 ? front : Math.Clamp(front + random.Next(-3000, 20000), 0, sent.Length);
                int length = random.Next(0, Math.Min(5000, sent.Length - offset) + 1);
                AssemblyResult result = stream.Add(start + offset, sent.AsSpan(offset, length));
                if (result != AssemblyResult.NoRoom) model.AsSpan(offset, length).Fill(true);
                if (random.Next(8) == 0) stream.Trim(random.Next(10) == 0 ? stream.End + 1 + random.Next(100) : random.NextInt64(stream.Base, stream.End + 1));
                if (random.Next(40) == 0) _ = stream.Finish(start + sent.Length);

                int contiguous = Math.Max(front, model.AsSpan().IndexOf(false));
                Assert.Equal(start + contiguous, stream.End);
                Assert.InRange(stream.Base, start, stream.End);
                AssertHolds(stream, sent.AsSpan((int)(stream.Base - start), (int)(stream.End - stream.Base)));
                Assert.Equal(stream.FinAt >= 0 && contiguous == sent.Length, stream.IsFinished);
            }
        }
        Assert.Equal(0, memory.UsedBytes);
        TestCounts.Reached("takeover.segments", segments);
    }

    [Fact]
    public void Numbers_of_a_stranger_neither_throw_nor_take_memory_without_bound()
    {
        int segments = TestCounts.Of("takeover.segments");
        var random = new Random(918);
        var memory = new AssemblyMemory(1 << 20);
        byte[] bytes = new byte[70000];
        using var stream = new StreamAssembly(memory);
        for (int i = 0; i < segments; i++)
        {
            long offset = random.Next(4) switch { 0 => random.NextInt64(0, long.MaxValue / 2), 1 => stream.End, 2 => stream.End + random.Next(1 << 22), _ => random.Next(1 << 16) };
            switch (random.Next(6))
            {
                case 0: stream.Trim(offset); break;
                case 1 when random.Next(1000) == 0: _ = stream.Finish(offset); break;
                default: _ = stream.Add(offset, bytes.AsSpan(0, random.Next(bytes.Length))); break;
            }
            Assert.True(memory.UsedBytes <= 1 << 20);
            Assert.True(stream.End - stream.Base <= stream.CapacityBytes);
        }
    }

    [Fact]
    public void What_is_contiguous_is_not_changed_by_a_repetition_that_says_something_else()
    {
        using var stream = new StreamAssembly(new AssemblyMemory(1 << 20));
        Assert.Equal(AssemblyResult.Added, stream.Add(0, "truth"u8));
        Assert.Equal(AssemblyResult.Known, stream.Add(0, "lies!"u8));
        Assert.Equal(AssemblyResult.Added, stream.Add(3, "XX, and more"u8));
        AssertHolds(stream, "truth, and more"u8);
    }

    [Fact]
    public void A_FIN_counts_when_everything_before_it_is_there_and_nothing_follows_it()
    {
        using var stream = new StreamAssembly(new AssemblyMemory(1 << 20));
        Assert.True(stream.Finish(4));
        Assert.False(stream.IsFinished);
        Assert.False(stream.Finish(9));
        _ = stream.Add(0, "end, and beyond"u8);
        Assert.True(stream.IsFinished);
        Assert.Equal(4, stream.End);
    }

    [Fact]
    public void Taking_segments_and_trimming_them_allocates_nothing()
    {
        using var stream = new StreamAssembly(new AssemblyMemory(1 << 20));
        byte[] segment = new byte[1448];
        Exchange(stream, segment, 1000);

        Assert.Equal(0, Allocated.Least(() => Exchange(stream, segment, 10_000)));
    }

    private static void Exchange(StreamAssembly stream, byte[] segment, int rounds)
    {
        for (int i = 0; i < rounds; i++)
        {
            long end = stream.End;
            _ = stream.Add(end + segment.Length, segment); // the second first
            _ = stream.Add(end, segment);
            stream.Trim(stream.End);
        }
    }

    private static void AssertHolds(StreamAssembly stream, ReadOnlySpan<byte> expected)
    {
        for (long offset = stream.Base; offset < stream.End;)
        {
            ReadOnlySpan<byte> piece = stream.Read(offset);
            Assert.False(piece.IsEmpty);
            Assert.True(piece.SequenceEqual(expected[..piece.Length]), $"the bytes from {offset} on differ");
            expected = expected[piece.Length..];
            offset += piece.Length;
        }
        Assert.True(expected.IsEmpty);
    }
}
