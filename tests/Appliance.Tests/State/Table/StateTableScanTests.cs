using Appliance.State;

namespace Appliance.Tests.Appliance.State.Table;

/// <summary>Cursors in the order of the hashes stay good while the table changes and grows.</summary>
public sealed class StateTableScanTests
{
    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void Every_record_present_throughout_is_returned_exactly_once_while_the_table_grows_and_shrinks(int seed)
    {
        var random = new Random(seed);
        using var table = TableFixture.Make();
        const int residents = 3_000;
        for (int i = 0; i < residents; i++) table.Put(TableFixture.Key(i), TableFixture.Header(), "v"u8);
        var times = new int[residents];
        var others = new List<int>();
        int nextOther = residents;
        ulong cursor = 0;
        Span<uint> handles = stackalloc uint[StateTable.MinScanHandles + random.Next(20)];
        do
        {
            int count = table.Scan(ref cursor, handles);
            foreach (uint handle in handles[..count])
            {
                int number = int.Parse(System.Text.Encoding.ASCII.GetString(table.View(handle).Key)[4..]);
                if (number < residents) times[number]++;
            }
            for (int i = 0; i < 200; i++)
            {
                if (others.Count > 0 && random.Next(3) == 0)
                {
                    int at = random.Next(others.Count);
                    table.Remove(table.Find(TableFixture.Key(others[at])));
                    others[at] = others[^1];
                    others.RemoveAt(others.Count - 1);
                    continue;
                }
                others.Add(nextOther);
                table.Put(TableFixture.Key(nextOther++), TableFixture.Header(), "v"u8);
            }
        }
        while (cursor != 0);
        Assert.All(times, count => Assert.Equal(1, count));
    }

    [Fact]
    public void Records_may_be_removed_as_they_are_returned()
    {
        using var table = TableFixture.Make();
        for (int i = 0; i < 5_000; i++) table.Put(TableFixture.Key(i), TableFixture.Header(), "v"u8);
        ulong cursor = 0;
        var handles = new uint[64];
        do
        {
            int count = table.Scan(ref cursor, handles);
            foreach (uint handle in handles.AsSpan(0, count)) table.Remove(handle);
        }
        while (cursor != 0);
        Assert.Equal(0, table.Count);
    }

    [Fact]
    public void An_empty_table_ends_the_scan()
    {
        using var table = TableFixture.Make();
        ulong cursor = 0;
        Assert.Equal(0, table.Scan(ref cursor, new uint[16]));
        Assert.Equal(0UL, cursor);
        Assert.Equal(0, table.ScanCopy(ref cursor, new byte[64], out int records));
        Assert.Equal((0UL, 0), (cursor, records));
    }

    [Fact]
    public void A_buffer_for_one_record_is_enough_and_a_smaller_one_is_an_error()
    {
        using var table = TableFixture.Make();
        byte[] value = new byte[1000];
        for (int i = 0; i < 300; i++) table.Put(TableFixture.Key(i), TableFixture.Header(), value);
        var seen = new HashSet<string>();
        byte[] buffer = new byte[ScanCopyReader.FramingBytes + 7 + value.Length];
        ulong cursor = 0;
        do
        {
            int filled = table.ScanCopy(ref cursor, buffer, out int records);
            Assert.InRange(records, 0, 1);
            var reader = new ScanCopyReader(buffer.AsSpan(0, filled));
            while (reader.MoveNext()) Assert.True(seen.Add(System.Text.Encoding.ASCII.GetString(reader.Key)));
        }
        while (cursor != 0);
        Assert.Equal(300, seen.Count);
        Assert.Throws<ArgumentException>(() => table.ScanCopy(ref cursor, new byte[500], out _));
    }
}
