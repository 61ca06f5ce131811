using Appliance.State;

namespace Appliance.Tests.Appliance.State.Table;

/// <summary>Tables and records for tests.</summary>
internal static class TableFixture
{
    private static readonly BuzHash Hash = BuzHashTests.OfSeed(77);

    public static StateTable Make(long maxBytes = 256 << 20, long expectedRecords = 0, int maxKeyBytes = 1024, int maxValueBytes = 1 << 20) => new(new StateTableOptions
    {
        Hash = Hash,
        MaxBytes = maxBytes,
        ExpectedRecords = expectedRecords,
        MaxKeyBytes = maxKeyBytes,
        MaxValueBytes = maxValueBytes,
    });

    public static byte[] Key(int number) => System.Text.Encoding.ASCII.GetBytes($"key:{number}");

    public static RecordHeader Header(ulong version = 1, RecordClass recordClass = RecordClass.Application, RecordKind kind = RecordKind.Bytes, byte service = 0) =>
        new() { Version = version, Class = recordClass, Kind = kind, Service = service };

    public static uint Put(this StateTable table, ReadOnlySpan<byte> key, in RecordHeader header, ReadOnlySpan<byte> value)
    {
        uint handle = table.Upsert(key, table.Hash(key), header, value, out var outcome);
        Assert.NotEqual(UpsertOutcome.Full, outcome);
        return handle;
    }

    public static uint Find(this StateTable table, ReadOnlySpan<byte> key) => table.Find(key, table.Hash(key));

    /// <summary>Bytes that prove whether they belong together: version, key and length determine every one of them.</summary>
    public static void FillProof(Span<byte> value, ulong version, ReadOnlySpan<byte> key)
    {
        ulong state = version * 0x9E37_79B9_7F4A_7C15 + (ulong)value.Length;
        foreach (byte b in key) state = (state ^ b) * 0x100_0000_01B3;
        for (int i = 0; i < value.Length; i++)
        {
            state = state * 6364136223846793005 + 1442695040888963407;
            value[i] = (byte)(state >> 56);
        }
    }

    public static bool IsProof(ReadOnlySpan<byte> value, ulong version, ReadOnlySpan<byte> key)
    {
        byte[] expected = System.Buffers.ArrayPool<byte>.Shared.Rent(value.Length);
        FillProof(expected.AsSpan(0, value.Length), version, key);
        bool equal = value.SequenceEqual(expected.AsSpan(0, value.Length));
        System.Buffers.ArrayPool<byte>.Shared.Return(expected);
        return equal;
    }
}

/// <summary>Wants every record.</summary>
internal readonly struct EveryRecord : IRecordFilter
{
    public bool Wants(in RecordHeader header) => true;
}
