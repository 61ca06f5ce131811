using System.Globalization;
using System.Reflection;
using System.Text;
using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Tests.Simulation.Faults;
using Appliance.Tests.Simulation.Network;

namespace Appliance.Tests.Simulation;

/// <summary>What runs did, summed: shows that the simulation really exercises what it claims to.</summary>
internal sealed class SimulationTotals
{
    private static readonly FieldInfo[] EngineFields = typeof(EngineCounters).GetFields(BindingFlags.Public | BindingFlags.Instance).Where(f => f.FieldType == typeof(long)).ToArray();
    private static readonly FieldInfo[] NetworkFields = typeof(NetworkCounters).GetFields(BindingFlags.NonPublic | BindingFlags.Instance).Where(f => f.FieldType == typeof(long)).ToArray();
    private readonly long[] _engine = new long[EngineFields.Length];
    private readonly long[] _network = new long[NetworkFields.Length];
    private readonly long[] _gaps = new long[Enum.GetValues<GapReason>().Length];
    private readonly long[] _changes = new long[Enum.GetValues<MemberChange>().Length];
    private readonly long[] _faults = new long[Enum.GetValues<FaultKind>().Length];

    /// <summary>Runs summed here.</summary>
    internal long Seeds { get; set; }

    /// <summary>Virtual nanoseconds.</summary>
    internal long VirtualTime { get; set; }

    /// <summary>Events handled.</summary>
    internal long Events { get; set; }

    /// <summary>Messages published.</summary>
    internal long Publishes { get; set; }

    /// <summary>Publishing refused because the window was closed.</summary>
    internal long Refusals { get; set; }

    /// <summary>Members that became synchronised by a snapshot.</summary>
    internal long Snapshots { get; set; }

    /// <summary>Longest time for which publishing was refused, in virtual nanoseconds.</summary>
    internal long LongestRefusal { get; set; }

    /// <summary>Longest time from the end of all faults and of publishing to convergence, in virtual nanoseconds.</summary>
    internal long LongestConvergence { get; set; }

    /// <summary>Lives of nodes.</summary>
    internal long Lives { get; set; }

    /// <summary>A gap was reported.</summary>
    internal void Gap(GapReason reason) => _gaps[(int)reason]++;

    /// <summary>A member changed.</summary>
    internal void Change(MemberChange change) => _changes[(int)change]++;

    /// <summary>A fault began.</summary>
    internal void Fault(FaultKind kind) => _faults[(int)kind]++;

    /// <summary>A life ended.</summary>
    internal void Add(EngineCounters counters)
    {
        for (int i = 0; i < EngineFields.Length; i++) _engine[i] += (long)EngineFields[i].GetValue(counters)!;
    }

    /// <summary>A run ended.</summary>
    internal void Add(NetworkCounters counters)
    {
        for (int i = 0; i < NetworkFields.Length; i++) _network[i] += (long)NetworkFields[i].GetValue(counters)!;
    }

    /// <summary>Adds the totals of other runs.</summary>
    internal void Add(SimulationTotals other)
    {
        Seeds += other.Seeds;
        VirtualTime += other.VirtualTime;
        Events += other.Events;
        Publishes += other.Publishes;
        Refusals += other.Refusals;
        Snapshots += other.Snapshots;
        Lives += other.Lives;
        LongestRefusal = Math.Max(LongestRefusal, other.LongestRefusal);
        LongestConvergence = Math.Max(LongestConvergence, other.LongestConvergence);
        AddEach(_engine, other._engine);
        AddEach(_network, other._network);
        AddEach(_gaps, other._gaps);
        AddEach(_changes, other._changes);
        AddEach(_faults, other._faults);
    }

    /// <summary>A total by name: an engine or network counter, <c>Gap.Reason</c>, <c>Member.Change</c> or <c>Fault.Kind</c>.</summary>
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
        yield return (nameof(Seeds), Seeds);
        yield return ("VirtualSeconds", VirtualTime / 1_000_000_000);
        yield return (nameof(Events), Events);
        yield return (nameof(Lives), Lives);
        yield return (nameof(Publishes), Publishes);
        yield return (nameof(Refusals), Refusals);
        yield return (nameof(Snapshots), Snapshots);
        yield return ("LongestRefusalMilliseconds", LongestRefusal / 1_000_000);
        yield return ("LongestConvergenceMilliseconds", LongestConvergence / 1_000_000);
        for (int i = 0; i < _gaps.Length; i++) yield return ($"Gap.{(GapReason)i}", _gaps[i]);
        for (int i = 0; i < _changes.Length; i++) yield return ($"Member.{(MemberChange)i}", _changes[i]);
        for (int i = 0; i < _faults.Length; i++) yield return ($"Fault.{(FaultKind)i}", _faults[i]);
        for (int i = 0; i < _network.Length; i++) yield return ($"Network.{NetworkFields[i].Name}", _network[i]);
        for (int i = 0; i < _engine.Length; i++) yield return ($"Engine.{EngineFields[i].Name}", _engine[i]);
    }

    private static void AddEach(long[] into, long[] from)
    {
        for (int i = 0; i < into.Length; i++) into[i] += from[i];
    }
}
