using System.Globalization;
using System.Reflection;
using Appliance.Cluster.Failover;
using Appliance.Configuration;
using Appliance.Host;
using Appliance.Listeners.Resp;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Admin;

/// <summary>Gathers a node's metrics. <see cref="Write"/> runs on the loop thread. Every name stands in docs/operations.md.</summary>
internal sealed class MetricsPage
{
    private static readonly FieldInfo[] TransportFields = CountersOf(typeof(TransportCounters));
    private static readonly FieldInfo[] MirrorFields = CountersOf(typeof(MirrorCounters));
    private static readonly FieldInfo[] FailoverFields = CountersOf(typeof(FailoverCounters));
    private static readonly FieldInfo[] RespFields = CountersOf(typeof(RespCounters));

    private readonly ApplianceConfiguration _configuration;
    private readonly ulong _incarnation;
    private readonly NodeParts _parts;
    private readonly PauseWatch _pauses;
    private readonly PrometheusText _page = new();

    internal MetricsPage(ApplianceConfiguration configuration, ulong incarnation, NodeParts parts, PauseWatch pauses)
    {
        _configuration = configuration;
        _incarnation = incarnation;
        _parts = parts;
        _pauses = pauses;
    }

    /// <summary>The whole page.</summary>
    internal string Write()
    {
        NodeStatus status = new NodeView(_configuration, _incarnation, _parts).Describe();
        MulticastStatus group = _parts.Group.ReadStatus();
        WriteNode(status);
        WriteServices(status);
        WriteFailover(status);
        WriteMembers(status);
        WriteGroup(group);
        WriteHeartbeats(group.Heartbeats);
        WriteCounters("appliance_mirror", "What the state mirror did (docs/operations.md).", MirrorFields, _parts.Mirror.Counters);
        _page.Counter("appliance_snapshot_records_sent_total", "Records sent to members that resynchronised.", _parts.Snapshots.RecordsSent);
        WriteListeners();
        LiveView.Write(_page, _parts.Connections, _configuration);
        WriteRuntime();
        return _page.ToString();
    }

    private static FieldInfo[] CountersOf(Type type) => [.. type.GetFields(BindingFlags.Public | BindingFlags.Instance).Where(static field => field.FieldType == typeof(long))];

    private void WriteNode(NodeStatus status)
    {
        _page.Gauge("appliance_info", "Always 1; the labels say what runs here.", 1, ("id", status.Id), ("version", status.Version), ("group", status.Group.Name), ("digest", status.Group.Digest[..12]));
        _page.Gauge("appliance_incarnation", "This life of the node; larger after every restart.", status.Incarnation);
        _page.Gauge("appliance_synchronised", "1 when this node holds the complete state of its services.", status.Synchronised ? 1 : 0);
        _page.Gauge("appliance_warnings", "Sentences in the status that an operator should read.", status.Warnings.Count);
        _page.Gauge("appliance_memory_used_bytes", "Table, tombstones and buffers of the group.", status.Memory.UsedBytes);
        _page.Gauge("appliance_memory_limit_bytes", "[node] memory-limit.", status.Memory.LimitBytes);
        _page.Counter("appliance_loop_rounds_total", "Rounds of the event loop.", _parts.Loop.Rounds);
    }

    private void WriteServices(NodeStatus status)
    {
        Each(status.Services, (service, label) => _page.Gauge("appliance_service_primary", "1 on the primary.", service.Role == "primary" ? 1 : 0, label));
        Each(status.Services, (service, label) => _page.Gauge("appliance_service_term", "Term of the service.", service.Term, label));
        Each(status.Services, (service, label) => _page.Gauge("appliance_service_complete", "1 when the complete state of the service is here.", service.Complete ? 1 : 0, label));
        Each(status.Services, (service, label) => _page.Gauge("appliance_service_keys", "Live keys.", service.Keys, label));
        Each(status.Services, (service, label) => _page.Gauge("appliance_service_tombstones", "Deletions remembered for members that are away.", service.Tombstones, label));
        Each(status.Services, (service, label) => _page.Counter("appliance_service_accepted_short_total", "Writes answered with fewer acknowledgements than promised.", service.AcceptedShort, label));
        EachClass(status.Services, (row, labels) => _page.Gauge("appliance_records", "Records: keys and fields of hashes.", row.Records, labels));
        EachClass(status.Services, (row, labels) => _page.Gauge("appliance_record_bytes", "Bytes of keys and values.", row.Bytes, labels));
        EachClass(status.Services, (row, labels) => _page.Gauge("appliance_class_meets_acks", "0 when a primary's class cannot have its acknowledgements now.", row.MeetsAcks == false ? 0 : 1, labels));
        EachClass(status.Services, (row, labels) => _page.Gauge("appliance_class_unconfirmed", "Writes that fewer members than promised have applied so far.", row.Unconfirmed, labels));
        EachClass(status.Services, (row, labels) => _page.Counter("appliance_class_evictions_total", "Records that made room for others.", row.Evictions, labels));
        EachClass(status.Services, (row, labels) => _page.Counter("appliance_class_refusals_total", "Writes refused.", row.Refusals, labels));
        _page.Gauge("appliance_would_be_lost", "Writes that no other synchronised member has applied.", status.WouldBeLost.Sum(static loss => loss.Records));
    }

    private void WriteFailover(NodeStatus status)
    {
        const string duration = "appliance_takeover_seconds", durationHelp = "Takeovers of this node, from the suspicion or the offer until it served.";
        FailoverStatus[] services = [.. status.Services.Select((_, index) => _parts.Failover.StatusOf(index))];
        TakeoverLog takeovers = _parts.Failover.Takeovers;
        Each(status.Services, (service, label) => _page.Gauge("appliance_service_serving", "1 while this node has the lease, has cut, and answers for the service.", service.Serving ? 1 : 0, label));
        Each(status.Services, (service, label) => _page.Gauge("appliance_lease_left_seconds", "How long this node may serve without another echo; 0 without a lease.", (service.LeaseLeftMilliseconds ?? 0) / 1000.0, label));
        Each(status.Services, (service, label) => _page.Counter("appliance_guard_drops_total", "Packets from or to the service's addresses that the guard dropped here.", service.Fenced, label));
        Each(status.Services, (service, label) => _page.Counter("appliance_guard_refusals_withheld_total", "The kernel's refusals of connects to the service's addresses that the guard withheld here.", service.RefusalsWithheld, label));
        for (int i = 0; i < services.Length; i++)
            _page.Counter("appliance_announcements_total", "Frames that announced the service's addresses.", services[i].Announced, ("service", status.Services[i].Name));
        _page.Counter("appliance_address_claims_total", "Claims of other hosts on floating addresses that were seen, those of the group's nodes among them.", _parts.Failover.Claims);
        WriteCounters("appliance_failover", "What elections and hand-overs did.", FailoverFields, _parts.Failover.Counters);
        long seen = 0;
        for (int bucket = 0; bucket <= TakeoverLog.Bounds.Length; bucket++)
        {
            seen += takeovers.CountOf(bucket);
            string bound = bucket == TakeoverLog.Bounds.Length ? "+Inf" : TakeoverLog.Bounds[bucket].ToString("R", CultureInfo.InvariantCulture);
            _page.Histogram(duration, durationHelp, "_bucket", seen, ("le", bound));
        }
        _page.Histogram(duration, durationHelp, "_sum", takeovers.Total.TotalSeconds);
        _page.Histogram(duration, durationHelp, "_count", takeovers.Completed);
    }

    private void WriteMembers(NodeStatus status)
    {
        Each(status.Members, (member, label) => _page.Gauge("appliance_member_live", "1 while its heartbeats arrive.", member.State == "live" ? 1 : 0, label));
        Each(status.Members, (member, label) => _page.Gauge("appliance_member_synchronised", "1 while it holds the complete state.", member.Synchronised ? 1 : 0, label));
        Each(status.Members, (member, label) => _page.Gauge("appliance_member_waited_for", "0 after it lagged past the limit.", member.WaitedFor ? 1 : 0, label));
        Each(status.Members, (member, label) => _page.Gauge("appliance_member_by_unicast", "1 while multicast does not arrive there.", member.PathCause is null ? 0 : 1, label));
        Each(status.Members, (member, label) => _page.Gauge("appliance_member_lag_messages", "Messages of this node that it has not applied.", member.LagMessages, label));
        Each(status.Members, (member, label) => _page.Gauge("appliance_member_lag_bytes", "Bytes of them.", member.LagBytes, label));
        Each(status.Members, (member, label) => _page.Gauge("appliance_member_lag_seconds", "Age of the oldest of them.", member.LagMilliseconds / 1000.0, label));
        Each(status.Members, (member, label) => _page.Gauge("appliance_member_round_trip_seconds", "Measured round trip; 0 while unknown.", (member.RoundTripMicroseconds ?? 0) / 1e6, label));
    }

    private void WriteGroup(MulticastStatus group)
    {
        foreach ((string name, long value) in group.Protocol) _page.Counter($"appliance_multicast_{PrometheusText.Snake(name)}_total", "What the protocol engine did (docs/protocol.md, counters).", value);
        WriteCounters("appliance_transport", "What the group's sockets did.", TransportFields, group.Transport);
        _page.Counter("appliance_transport_receive_drops_total", "Datagrams that the kernel dropped because a receive buffer was full.", group.ReceiveDrops);
        _page.Counter("appliance_transport_carrier_losses_total", "Times that the group's network card lost its carrier.", group.CarrierLosses);
        _page.Gauge("appliance_transport_carrier", "1 while the group's network card has a carrier.", group.LinkCarries ? 1 : 0);
    }

    private void WriteHeartbeats(HeartbeatStatus beats)
    {
        const string lateness = "appliance_heartbeat_lateness_seconds", latenessHelp = "How late this node's heartbeats were sent.";
        _page.Counter("appliance_heartbeats_sent_total", "Heartbeats sent.", beats.Sent);
        _page.Counter("appliance_heartbeats_received_total", "Heartbeats of others received.", beats.Received);
        _page.Counter("appliance_heartbeats_withheld_total", "Heartbeats not sent because something in this node hung.", beats.Withheld);
        _page.Counter("appliance_heartbeats_skipped_total", "Heartbeats whose time had passed when the thread ran again.", beats.Skipped);
        _page.Counter("appliance_heartbeats_overrun_total", "Heartbeats received and dropped because the loop did not take them.", beats.RingOverruns);
        long seen = 0;
        for (int bucket = 0; bucket < LatenessHistogram.Buckets; bucket++)
        {
            seen += beats.Lateness.CountOf(bucket);
            string bound = bucket == LatenessHistogram.Buckets - 1 ? "+Inf" : ((1L << bucket) / 1e6).ToString("R", CultureInfo.InvariantCulture);
            _page.Histogram(lateness, latenessHelp, "_bucket", seen, ("le", bound));
        }
        _page.Histogram(lateness, latenessHelp, "_count", seen);
        _page.Gauge("appliance_heartbeat_latest_seconds", "Latest of this node's heartbeats since it started.", beats.Lateness.Max.TotalSeconds);
    }

    private void WriteListeners()
    {
        foreach (FieldInfo field in RespFields)
        {
            string name = PrometheusText.Snake(field.Name);
            bool isLevel = field.Name == nameof(RespCounters.ConnectedClients);
            foreach ((ListenerOptions options, var listener) in _parts.Listeners)
            {
                double value = (long)field.GetValue(listener.Counters)!;
                if (isLevel) _page.Gauge($"appliance_resp_{name}", "Clients connected now.", value, ("listener", options.Name));
                else _page.Counter($"appliance_resp_{name}_total", "What a Redis listener did (docs/operations.md).", value, ("listener", options.Name));
            }
        }
    }

    private void WriteRuntime()
    {
        for (int generation = 0; generation <= GC.MaxGeneration; generation++)
            _page.Counter("appliance_gc_collections_total", "Collections of the garbage collector.", GC.CollectionCount(generation), ("generation", generation.ToString(CultureInfo.InvariantCulture)));
        _page.Counter("appliance_gc_pause_seconds_total", "Time for which the garbage collector stopped the process.", PauseWatch.Total.TotalSeconds);
        _page.Gauge("appliance_gc_longest_pause_seconds", "Longest pause since the node started; of several within 200 ms their sum.", _pauses.Longest.TotalSeconds);
        _page.Gauge("appliance_gc_heap_bytes", "Managed heap; the state is not in it.", GC.GetTotalMemory(false));
        _page.Counter("appliance_gc_allocated_bytes_total", "Bytes allocated on the managed heap.", GC.GetTotalAllocatedBytes());
    }

    private void WriteCounters(string prefix, string help, FieldInfo[] fields, object counters)
    {
        foreach (FieldInfo field in fields) _page.Counter($"{prefix}_{PrometheusText.Snake(field.Name)}_total", help, (long)field.GetValue(counters)!);
    }

    private static void Each(IReadOnlyList<ServiceStatus> services, Action<ServiceStatus, (string, string)> write)
    {
        foreach (ServiceStatus service in services) write(service, ("service", service.Name));
    }

    private static void Each(IReadOnlyList<MemberStatus> members, Action<MemberStatus, (string, string)> write)
    {
        foreach (MemberStatus member in members) write(member, ("member", member.Id));
    }

    private static void EachClass(IReadOnlyList<ServiceStatus> services, Action<ClassStatus, (string, string)[]> write)
    {
        foreach (ServiceStatus service in services)
        {
            foreach (ClassStatus row in service.Classes) write(row, [("service", service.Name), ("class", row.Class)]);
        }
    }
}
