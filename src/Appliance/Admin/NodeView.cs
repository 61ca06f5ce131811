using Appliance.Cluster.Failover;
using Appliance.Configuration;
using Appliance.Host;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Admin;

/// <summary>Gathers a node's status. <see cref="Describe()"/> runs on the loop thread.</summary>
internal sealed class NodeView
{
    private static readonly Timestamp Started = EventLoop.ReadClock();
    private readonly ApplianceConfiguration _configuration;
    private readonly ulong _incarnation;
    private readonly NodeParts _parts;

    internal NodeView(ApplianceConfiguration configuration, ulong incarnation, NodeParts parts)
    {
        _configuration = configuration;
        _incarnation = incarnation;
        _parts = parts;
    }

    /// <summary>What the node sees now.</summary>
    internal NodeStatus Describe()
    {
        MulticastStatus group = _parts.Group.ReadStatus();
        IReadOnlyList<MirrorServiceStatus> services = _parts.Mirror.ReadStatus();
        (MirrorServiceStatus Service, FailoverStatus Failover)[] states = [.. services.Select((service, index) => (service, _parts.Failover.StatusOf(index)))];
        return new NodeStatus
        {
            Id = _configuration.Node.Id,
            Incarnation = _incarnation,
            Role = SettingReader.Format(_configuration.Node.Role),
            Version = NodeHost.Version,
            UptimeSeconds = (long)(EventLoop.ReadClock() - Started).TotalSeconds,
            Drained = _parts.Failover.IsDrained,
            Synchronised = _parts.Mirror.IsSynchronised && states.All(static state => state.Failover.IsCounted),
            Memory = new MemoryStatus(services.Sum(static service => service.MemoryBytes) + group.MemoryBytes, _configuration.Node.MemoryLimit.Bytes),
            Group = new GroupStatus(_configuration.Group.Name, SettingReader.Format(_configuration.Group.Transport), SettingReader.Format(_configuration.Group.Security), GroupDigest.Text(_configuration)),
            Services = [.. states.Select(state => Describe(state.Service, state.Failover))],
            Members = [.. _configuration.Group.Members.Where(member => member.Name != _configuration.Node.Id).Select(member => Describe(member.Name, group))],
            Failovers = [.. _parts.Failover.Takeovers.Records.Select(Describe)],
            WouldBeLost = [.. services.SelectMany(static service => service.Classes.Where(static row => row.HeldByNobodyElse > 0).Select(row => new LossStatus(service.Name, SettingReader.Format(row.Class), row.HeldByNobodyElse)))],
            Live = [.. LiveView.Describe(_parts.Connections)],
            Warnings = [.. Warnings(group, states), .. LiveView.Warnings(_parts.Connections)],
        };
    }

    private ServiceStatus Describe(MirrorServiceStatus service, FailoverStatus failover) => new()
    {
        LeaseLeftMilliseconds = failover.LeaseLeft is { } left ? (long)left.TotalMilliseconds : null,
        Serving = failover.OwnsAddresses,
        Election = failover.Text,
        Fenced = failover.Fenced,
        RefusalsWithheld = failover.Withheld,
        Name = service.Name,
        Role = SettingReader.Format(service.Role),
        Primary = service.Primary,
        Term = service.Term,
        Complete = service.IsComplete && failover.IsCounted,
        Why = WhyNotComplete(service, failover),
        Keys = service.Keys,
        Records = service.Classes.Sum(static row => row.Records - row.Tombstones),
        Tombstones = service.Classes.Sum(static row => row.Tombstones),
        Bytes = service.Classes.Sum(static row => row.Bytes),
        AcceptedShort = service.AcceptedShort,
        Classes = [.. service.Classes.Select(row => Describe(row, service))],
    };

    // What a node held when it was counted last is not all there is: only the present primary knows that.
    private static string? WhyNotComplete(MirrorServiceStatus service, FailoverStatus failover)
    {
        if (service.Why.Length > 0) return service.Why;
        if (!service.IsComplete || failover.IsCounted) return null;
        return service.Primary is null ? "nobody is known to be primary: others may hold more" : $"{service.Primary}, the primary, does not count this node among those that hold everything yet";
    }

    private ClassStatus Describe(MirrorClassStatus row, MirrorServiceStatus service) => new()
    {
        Class = SettingReader.Format(row.Class),
        Records = row.Records - row.Tombstones,
        Bytes = row.Bytes,
        Acks = row.Acknowledgements,
        AcksAvailable = service.Role == ServiceRole.Primary ? row.Available : null,
        MeetsAcks = service.Role == ServiceRole.Primary ? row.Available >= row.Acknowledgements : null,
        WhenShort = SettingReader.Format(_configuration.ClassOf(row.Class).WhenShort),
        Unconfirmed = row.HeldByTooFew,
        Evictions = row.Evictions,
        Refusals = row.Refusals,
    };

    private static TakeoverStatus Describe(TakeoverRecord takeover) => new(takeover.Service, takeover.Term, SettingReader.Format(takeover.Kind),
        Microseconds(takeover.Begun), Microseconds(takeover.Elected), Microseconds(takeover.Collected), Microseconds(takeover.Cut), Microseconds(takeover.Serving));

    private static long? Microseconds(Timestamp? at) => at?.Nanoseconds / 1000;

    private MemberStatus Describe(string name, MulticastStatus group)
    {
        // A member that restarted may still be listed in its last life: the newest one speaks for it.
        GroupMember? member = _parts.Group.Members.Where(member => member.Name == name).MaxBy(static member => member.Incarnation);
        if (member is null) return MemberStatus.Absent(name) with { SecondPath = SecondPathOf(name, null) };
        MemberLag lag = _parts.Mirror.LagOf(member);
        bool reached = member.State is MemberState.Live or MemberState.Suspected;
        return new MemberStatus
        {
            Id = name,
            Incarnation = member.Incarnation,
            Role = SettingReader.Format(member.Role),
            State = member.State == MemberState.Left ? MemberStatus.AbsentState : SettingReader.Format(member.State),
            Synchronised = member.Synchronised && reached && (member.Role != MemberRole.Data || _parts.Failover.IsCountedByAll(member.Node)),
            WaitedFor = member.WaitedFor,
            Path = !reached ? null : !group.UsesMulticast || member.ByUnicast ? "unicast" : "multicast",
            PathCause = reached && group.UsesMulticast && member.ByUnicast ? "multicast does not arrive there, unicast does: IGMP snooping without a querier?" : null,
            SecondPath = SecondPathOf(name, member),
            LagMessages = lag.Messages,
            LagBytes = lag.Bytes,
            LagMilliseconds = (long)Math.Ceiling(lag.Milliseconds),
            SilentMilliseconds = Math.Max(0, (long)(_parts.Loop.Now - member.LastHeard).TotalMilliseconds),
            RoundTripMicroseconds = member.RoundTrip == TimeSpan.Zero ? null : (long)member.RoundTrip.TotalMicroseconds,
            ClockOffsetMilliseconds = member.ClockOffsetMilliseconds,
        };
    }

    private SecondPathStatus? SecondPathOf(string name, GroupMember? member)
    {
        IReadOnlyList<MemberAddress> ends = _configuration.Group.SecondPath;
        if (ends.FirstOrDefault(end => end.Name == name) is not { } there || ends.All(end => end.Name != _configuration.Node.Id)) return null;
        TimeSpan? silent = _parts.Loop.Now - member?.LastHeardBySecondPath;
        return new SecondPathStatus(there.Address.ToString(), silent < _configuration.Group.DeadAfter, (long?)silent?.TotalMilliseconds);
    }

    private IEnumerable<string> SecondPathWarnings(MulticastStatus group)
    {
        foreach (GroupMember member in _parts.Group.Members)
        {
            if (SecondPathOf(member.Name, member) is not { } second) continue;
            if (member.State == MemberState.Live && !second.Heard)
                yield return $"the second path to '{member.Name}' ({second.Address}) is silent{(group.SecondPathErrno != 0 ? $", and heartbeats could not be sent from {group.SecondAddress} ({Interop.Errno.Text(group.SecondPathErrno)})" : "")}: nothing but the synchronisation network tells that it lives";
            if (member.State == MemberState.Suspected && second.Heard)
                yield return $"'{member.Name}' lives, by the second path ({second.Address}), but the synchronisation network does not reach it: it takes no part in acknowledgements, and no state goes to and fro until that network is mended";
        }
    }

    private IEnumerable<string> Warnings(MulticastStatus group, (MirrorServiceStatus Service, FailoverStatus Failover)[] states)
    {
        foreach (string warning in group.Warnings) yield return warning;
        foreach (string warning in SecondPathWarnings(group)) yield return warning;
        foreach (string fault in _parts.Failover.Faults) yield return fault;
        foreach (string disagreement in _parts.Failover.Disagreements) yield return disagreement;
        foreach (string wrong in _parts.Clocks.Warnings(_parts.Loop.Now, _parts.Group.Members)) yield return wrong;
        if (_configuration.Group.Quorum == Quorum.Off) yield return "quorum = off: two nodes that lose sight of each other are both primary, and one of them loses what it wrote";
        foreach ((MirrorServiceStatus service, FailoverStatus failover) in states)
        {
            if (!service.IsComplete || !failover.IsCounted) yield return $"service {service.Name} is not synchronised here: {WhyNotComplete(service, failover)}";
            if (service.Role != ServiceRole.Primary) continue;
            foreach (MirrorClassStatus row in service.Classes.Where(static row => row.Available < row.Acknowledgements))
            {
                bool accepts = _configuration.ClassOf(row.Class).WhenShort == WhenShort.Accept;
                yield return $"service {service.Name}: class {SettingReader.Format(row.Class)} asks for {row.Acknowledgements} acknowledgements and {row.Available} members can give one: its writes are {(accepts ? "ACCEPTED WITHOUT" : "refused")}";
            }
        }
    }
}
