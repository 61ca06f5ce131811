using System.Runtime.InteropServices;
using Appliance.Perf.Macro;
using Appliance.Perf.Macro.Interop;
using Appliance.State;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.State.Table;

public sealed class InsertPauseTests
{
    private const int Attempts = 3;
    private const long OneMillisecond = 1_000_000;

    /// <summary>
    /// The time is the thread's own: who else uses the machine does not count. What the kernel or the hypervisor does in the thread's name still does,
    /// and differs from run to run; what the table does itself is in every run, so the best of three is judged. Moving a whole index of
    /// this size at once would take a hundred times the limit.
    /// </summary>
    [Fact]
    public void No_insert_pays_for_the_growth_of_the_whole_table()          // issue 2, StateTable: no insert pause over 1 ms
    {
        int records = TestCounts.Of("table.records");
        PauseHistogram? best = null;
        for (int attempt = 0; attempt < Attempts && (best is null || best.Longest > OneMillisecond); attempt++)
        {
            PauseHistogram pauses = Fill(records);
            if (best is null || pauses.Longest < best.Longest) best = pauses;
        }
        Assert.True(best!.Longest <= OneMillisecond, $"the longest insert took {best.Longest} ns of the thread's time, {best.OverOneMillisecond} took more than 1 ms:\n{best}");
        TestCounts.Reached("table.records", records);
    }

    private static PauseHistogram Fill(int records)
    {
        using var table = new StateTable(new StateTableOptions { Hash = new BuzHash("0123456789abcdef"u8), MaxBytes = 8L << 30 });
        var pauses = new PauseHistogram();
        var random = new Random(1);
        Span<byte> key = stackalloc byte[32], value = stackalloc byte[16];
        for (int i = 0; i < records; i++)
        {
            random.NextBytes(key);
            MemoryMarshal.Write(value, i);
            long start = ThreadClock.Now();
            table.Upsert(key, table.Hash(key), new RecordHeader { Version = 1 }, value, out var outcome);
            pauses.Add(ThreadClock.Now() - start);
            Assert.Equal(UpsertOutcome.Inserted, outcome);
        }
        return pauses;
    }
}
