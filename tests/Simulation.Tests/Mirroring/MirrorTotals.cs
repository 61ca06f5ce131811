using System.Globalization;
using System.Reflection;
using System.Text;
using Appliance.State;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>What runs of mirrors did, summed.</summary>
internal sealed class MirrorTotals
{
    private static readonly FieldInfo[] MirrorFields = [.. typeof(MirrorCounters).GetFields(BindingFlags.Public | BindingFlags.Instance).Where(static field => field.FieldType == typeof(long))];
    private static readonly FieldInfo[] OwnFields = [.. typeof(MirrorTotals).GetFields(BindingFlags.NonPublic | BindingFlags.Instance).Where(static field => field.FieldType == typeof(long))];
    private readonly long[] _mirror = new long[MirrorFields.Length];
    private readonly long[] _refused = new long[Enum.GetValues<WriteRefusal>().Length];
    private readonly long[] _logged = new long[Enum.GetValues<MirrorEvent>().Length];

    /// <summary>Clients' operations: done, acknowledged (records), answered, and those whose outcome nobody knows.</summary>
    internal long Operations, Acknowledged, Answered, OutcomeUnknown;

    /// <summary>Records that were lost and reported, though not all of their holders had failed.</summary>
    internal long LostAndReported;

    /// <summary>Records that the primary deleted because they had expired; that a secondary hid for the same reason.</summary>
    internal long Expired, HiddenAsExpired;

    /// <summary>Datagrams answered by fewer than promised.</summary>
    internal long AcceptedShort;

    /// <summary>Channels opened and broken.</summary>
    internal long Channels, BrokenChannels;

    /// <summary>Tombstones that were there and went; recoveries that heard enough survivors.</summary>
    internal long TombstonesCollected, SafeRecoveries;

    /// <summary>Tables compared with the model.</summary>
    internal long TablesCompared;

    /// <summary>Something was refused.</summary>
    internal void Refused(WriteRefusal refusal) => _refused[(int)refusal]++;

    /// <summary>Something was said.</summary>
    internal void Log(MirrorEvent kind) => _logged[(int)kind]++;

    /// <summary>A life ended.</summary>
    internal void Add(MirrorCounters counters)
    {
        for (int i = 0; i < MirrorFields.Length; i++) _mirror[i] += (long)MirrorFields[i].GetValue(counters)!;
    }

    /// <summary>Adds the totals of other runs.</summary>
    internal void Add(MirrorTotals other)
    {
        foreach (FieldInfo field in OwnFields) field.SetValue(this, (long)field.GetValue(this)! + (long)field.GetValue(other)!);
        AddEach(_mirror, other._mirror);
        AddEach(_refused, other._refused);
        AddEach(_logged, other._logged);
    }

    /// <summary>A total by name.</summary>
    internal long this[string name] => All().Single(total => total.Name == name).Value;

    /// <inheritdoc/>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach ((string name, long value) in All()) text.Append(CultureInfo.InvariantCulture, $"{name,-40} {value}").AppendLine();
        return text.ToString();
    }

    private IEnumerable<(string Name, long Value)> All()
    {
        foreach (FieldInfo field in OwnFields) yield return (field.Name, (long)field.GetValue(this)!);
        for (int i = 0; i < _refused.Length; i++) yield return ($"Refused.{(WriteRefusal)i}", _refused[i]);
        for (int i = 0; i < _logged.Length; i++) yield return ($"Said.{(MirrorEvent)i}", _logged[i]);
        for (int i = 0; i < _mirror.Length; i++) yield return ($"Mirror.{MirrorFields[i].Name}", _mirror[i]);
    }

    private static void AddEach(long[] into, long[] from)
    {
        for (int i = 0; i < into.Length; i++) into[i] += from[i];
    }
}
