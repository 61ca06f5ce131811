using System.Reflection;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Everything the engine counts since its start. Written by the loop thread; other threads may read slightly old values.</summary>
internal sealed class EngineCounters
{
    private static readonly FieldInfo[] Fields = typeof(EngineCounters).GetFields(BindingFlags.Public | BindingFlags.Instance);
    private readonly long[] _dropped = new long[Enum.GetValues<DropReason>().Length];

    // Publishing
    public long MessagesPublished;
    public long BytesPublished;
    public long PublishRefusals;
    public long DataDatagramsSent;
    public long DataBytesSent;
    public long PaddingBytesSent;
    public long UnicastCopiesSent;
    public long ControlDatagramsSent;

    // Receiving
    public long DatagramsReceived;
    public long DataDatagramsReceived;
    public long OwnDatagrams;
    public long Duplicates;
    public long UnknownIgnored;
    public long ExtensionsIgnored;
    public long RunsDelivered;
    public long MessagesDelivered;
    public long BytesDelivered;

    // Reports and repairs
    public long ReportsSent;
    public long ReportsReceived;
    public long GapReportsSent;
    public long ReportsSuppressed;
    public long RepairRequestsReceived;
    public long RepairRequestsCrossed;
    public long RepairRequestsMerged;
    public long RepairsSent;
    public long RepairsForOthersSent;
    public long RepairsForOthersSuppressed;
    public long RepairsReceived;
    public long RepairBudgetExhausted;
    public long GoneSent;
    public long GoneReceived;
    public long StreamGaps;
    public long SequencesGivenUp;

    // Members
    public long JoinsSent;
    public long SetupsSent;
    public long Admissions;
    public long RefusalsSent;
    public long RefusalsReceived;
    public long ClonesSeen;
    public long Ejections;
    public long Suspicions;
    public long Restorations;
    public long Departures;
    public long LateTicks;
    public long PathChanges;
    public long WindowBlocked;

    /// <summary>Datagrams dropped for one reason.</summary>
    public long Dropped(DropReason reason) => Volatile.Read(ref _dropped[(int)reason]);

    /// <summary>Datagrams dropped for whatever reason.</summary>
    public long DroppedTotal => _dropped.Sum();

    /// <summary>Counts a dropped datagram.</summary>
    internal void Drop(DropReason reason) => _dropped[(int)reason]++;

    /// <summary>Name and value of every counter, for metrics; drop reasons as <c>Dropped</c> and the reason.</summary>
    public IEnumerable<(string Name, long Value)> All()
    {
        foreach (var field in Fields) yield return (field.Name, (long)field.GetValue(this)!);
        for (int i = 1; i < _dropped.Length; i++) yield return ("Dropped" + (DropReason)i, _dropped[i]);
    }
}
