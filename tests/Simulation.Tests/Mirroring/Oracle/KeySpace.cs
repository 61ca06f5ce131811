using System.Text;
using Appliance.State;

namespace Appliance.Tests.Simulation.Mirroring.Oracle;

/// <summary>All keys and fields that a run writes. A key ends with its number, so that the oracle finds it again without a table of its own.</summary>
internal static class KeySpace
{
    /// <summary>Keys that hold single values, and now and then nothing.</summary>
    internal const int Values = 48;

    /// <summary>Keys that hold hashes.</summary>
    internal const int Hashes = 12;

    /// <summary>Groups of keys that are only written together.</summary>
    internal const int BatchGroups = 3;

    /// <summary>Keys of such a group.</summary>
    internal const int BatchKeys = 4;

    /// <summary>Keys with large values that are written seldom: they make a snapshot long.</summary>
    internal const int Ballast = 40;

    /// <summary>The first key of the first batch group.</summary>
    internal const int FirstBatchKey = Values + Hashes;

    /// <summary>The first large one.</summary>
    internal const int FirstBallast = FirstBatchKey + BatchGroups * BatchKeys;

    /// <summary>All keys.</summary>
    internal const int Count = FirstBallast + Ballast;

    /// <summary>Fields of each hash.</summary>
    internal const int Fields = 6;

    private const int Digits = 3;
    private static readonly string[] Prefixes = ["plain:", "login:", "segment:", "cart:"];
    private static readonly byte[][] KeyBytes = [.. Enumerable.Range(0, Count).Select(static key => Encoding.ASCII.GetBytes($"{Prefixes[key % Prefixes.Length]}{key:d3}"))];
    private static readonly byte[][] FieldBytes = [.. Enumerable.Range(0, Fields).Select(static field => Encoding.ASCII.GetBytes($"f{field:d3}"))];

    /// <summary>Pattern of the keys of a class; the application's have none.</summary>
    internal static string PatternOf(RecordClass recordClass) => Prefixes[(int)recordClass] + "*";

    /// <summary>The class that a key belongs to.</summary>
    internal static RecordClass ClassOf(int key) => (RecordClass)(key % Prefixes.Length);

    /// <summary>A key's bytes.</summary>
    internal static byte[] Key(int key) => KeyBytes[key];

    /// <summary>A field's name.</summary>
    internal static byte[] Field(int field) => FieldBytes[field];

    /// <summary>The number of a key.</summary>
    internal static int NumberOfKey(ReadOnlySpan<byte> key) => NumberIn(key, KeyBytes, "key");

    /// <summary>The number of a field.</summary>
    internal static int NumberOfField(ReadOnlySpan<byte> field) => NumberIn(field, FieldBytes, "field");

    private static int NumberIn(ReadOnlySpan<byte> name, byte[][] names, string what)
    {
        int number = 0;
        foreach (byte digit in name[Math.Max(0, name.Length - Digits)..]) number = number * 10 + digit - '0';
        if ((uint)number >= (uint)names.Length || !name.SequenceEqual(names[number]))
            throw new Simulation.Oracle.InvariantViolation($"a {what} appeared that nobody wrote: {Convert.ToHexString(name)}");
        return number;
    }
}
