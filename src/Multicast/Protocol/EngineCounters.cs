namespace Appliance.Multicast.Protocol;

/// <summary>Everything the engine counts. Written by the loop thread; other threads may read slightly old values.</summary>
internal sealed class EngineCounters
{
    public long MessagesPublished;
    public long BytesPublished;
    public long PublishRefusals;
    public long DatagramsSent;
    public long DatagramsReceived;
    public long MessagesDelivered;
    public long RunsDelivered;
    public long Duplicates;
    public long ReportsSent;
    public long ReportsReceived;
    public long ReportsSuppressed;
    public long RepairsSent;
    public long RepairsReceived;
    public long StreamGaps;
    public long Ejections;
    public long Suspicions;
    public long DroppedForged;
}
