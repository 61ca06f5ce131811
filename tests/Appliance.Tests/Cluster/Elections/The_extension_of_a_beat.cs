using Appliance.Cluster.Elections;
using Appliance.Multicast;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.Cluster.Elections;

/// <summary>The layout of docs/decisions/0006, and that any bytes are taken.</summary>
public sealed class The_extension_of_a_beat
{
    private static readonly GroupView View = new(3, 9, 2, [new(NodeId.FromName("a"), SlotRole.Data), default, new(NodeId.FromName("w"), SlotRole.Witness)]);

    private static readonly ServiceSection Section = new(5, ElectionRole.Primary, SectionFlags.Healthy | SectionFlags.Serving, 2, BeatExtension.NoSlot, 0b101, 100, 123_456_789,
        new SynchronisedSet(5, 1, 0b001), 77);

    [Fact]
    public void It_reads_as_written()
    {
        byte[] bytes = Write(withView: true, Section, Section with { Term = 6, Role = ElectionRole.None });

        Assert.Equal(28 + 2 * 40 + 4 + 3 * 9, bytes.Length);
        Assert.True(BeatExtension.TryParse(bytes, out BeatExtension read));
        Assert.Equal((7u, 0xD16E57UL, 3u, 9u, View.ContentHash, 2, true), (read.Publication, read.Digest, read.ViewTerm, read.ViewNumber, read.ViewHash, read.Sections, read.CarriesView));
        Assert.Equal(Section, read[0]);
        Assert.Equal(6u, read[1].Term);
        GroupView view = read.ReadView();
        Assert.Equal(View.ContentHash, view.ContentHash);
        Assert.Equal(View.Slots, view.Slots);
        Assert.Equal((3u, 9u, (ushort)2), (view.Term, view.Number, view.KeyEpoch));
    }

    [Fact]
    public void Eight_services_and_sixteen_members_fit_into_the_longest_extension_of_a_beat()
    {
        const int longest = 600; // P-101
        ViewSlot[] slots = [.. Enumerable.Range(1, ElectionOptions.MaxMembers).Select(static i => new ViewSlot(NodeId.FromName($"n{i}"), SlotRole.Data))];
        byte[] bytes = new byte[BeatExtension.MaxBytes];
        int length = BeatExtension.Write(bytes, 1, 2, new GroupView(1, 1, 0, slots), true, new ServiceSection[ElectionOptions.MaxServices + 1]);
        Assert.Equal(BeatExtension.MaxBytes, length);
        Assert.True(length <= longest);
        Assert.True(BeatExtension.TryParse(bytes, out _));
    }

    [Theory]
    [InlineData(0, 2)]             // format
    [InlineData(2, 10)]            // sections: more than nine
    [InlineData(28, 0x01)]         // a term beyond the largest
    [InlineData(28 + 4, 3)]        // role
    [InlineData(28 + 6, 16)]       // bound
    [InlineData(28 + 7, 254)]      // transfer
    [InlineData(28 + 40 + 2, 17)]  // slots
    [InlineData(28 + 40 + 4 + 8, 3)]       // a slot's role
    [InlineData(28 + 40 + 4 + 9 + 8, 1)]   // a vacant slot with a role
    public void What_is_out_of_range_is_refused(int offset, byte value)
    {
        byte[] bytes = Write(withView: true, Section);
        bytes[offset] = value;
        Assert.False(BeatExtension.TryParse(bytes, out _));
    }

    [Fact]
    public void A_view_that_names_a_node_twice_is_refused()
    {
        byte[] bytes = Write(withView: true, Section);
        bytes.AsSpan(28 + 40 + 4, 8).CopyTo(bytes.AsSpan(28 + 40 + 4 + 18));
        Assert.False(BeatExtension.TryParse(bytes, out _));
    }

    [Fact]
    public void Every_prefix_is_refused()
    {
        byte[] bytes = Write(withView: true, Section, Section);
        for (int length = 0; length < bytes.Length; length++) Assert.False(BeatExtension.TryParse(bytes.AsSpan(0, length), out _));
        Assert.False(BeatExtension.TryParse([.. bytes, 0], out _));
    }

    [Fact]
    public void Any_bytes_are_refused_or_read_within_bounds()
    {
        int count = TestCounts.Of("elections.mutated-extensions");
        var random = new Random(31_337);
        byte[][] corpus = [Write(true, Section), Write(false, Section, Section), Write(true), Write(false, [.. Enumerable.Repeat(Section, 9)])];
        var engine = new TestElections();
        int read = 0;
        for (int i = 0; i < count; i++)
        {
            byte[] bytes = [.. corpus[random.Next(corpus.Length)]];
            for (int flips = random.Next(1, 6); flips > 0; flips--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0) bytes = bytes[..random.Next(bytes.Length)];
            engine.Hear("b", bytes);
            if (!BeatExtension.TryParse(bytes, out BeatExtension extension)) continue;
            read++;
            for (int section = 0; section < extension.Sections; section++) Assert.True(extension[section].Term <= ElectionEngine.MaxTerm);
            if (extension.CarriesView) Assert.True(extension.ReadView().Slots.Length <= ElectionOptions.MaxMembers);
        }
        Assert.InRange(read, count / 100, count);
        TestCounts.Reached("elections.mutated-extensions", count);
    }

    private static byte[] Write(bool withView, params ServiceSection[] sections)
    {
        byte[] bytes = new byte[BeatExtension.MaxBytes];
        return bytes[..BeatExtension.Write(bytes, 7, 0xD16E57, View, withView, sections)];
    }
}
