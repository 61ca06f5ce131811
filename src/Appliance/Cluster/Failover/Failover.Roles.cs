using Appliance.Cluster.Elections;
using Appliance.Configuration;
using Appliance.Host;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Cluster.Failover;

/// <summary>What the elections and the mirror tell.</summary>
internal sealed partial class Failover : IElectionSink, IMirrorRoles
{
    void IElectionSink.Publish(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry) => _group?.PublishBeatExtension(extension, validUntil, hurry);

    void IElectionSink.OnElected(int service, uint term, Timestamp leaseUntil, SynchronisedSet set, ElectionKind kind)
    {
        _counters.ElectionsWon++;
        if (service == _elections.GroupService)
        {
            NodeLog.Note(_log, $"the group's own service: this node is primary in term {term}");
            _groupElected = true;
            return;
        }
        OwnedService owned = _services[service];
        (owned.Term, owned.LeaseUntil, owned.CollectsSince) = (term, leaseUntil, Now);
        Takeovers.Elected(service, owned.Name, term, kind, EventLoop.ReadClock());
        NodeLog.Note(_log, $"service {owned.Name}: elected in term {term} ({Words(kind)})");
        _mirror.BecomePrimary(owned.Name, term, NamesOf(set), acceptLoss: kind == ElectionKind.WithLoss, coldStart: kind == ElectionKind.ColdStart);
    }

    void IElectionSink.OnLease(int service, uint term, Timestamp until)
    {
        if (service == _elections.GroupService) return;
        _services[service].LeaseUntil = until;
        _services[service].Addresses.Renew(until);
    }

    void IElectionSink.OnLost(int service, uint term, LeaseLoss why)
    {
        if (why == LeaseLoss.Expired) _counters.LeasesExpired++;
        if (why == LeaseLoss.Superseded) _counters.LeasesSuperseded++;
        if (service < _services.Length)
        {
            OwnedService owned = _services[service];
            Connections?.StandDown(service);
            owned.Addresses.GiveUp();
            Takeovers.Ended(service);
            bool served = owned.IsServing;
            owned.IsServing = false;
            owned.CollectsSince = null;
            owned.CutTerm = 0;
            if (why == LeaseLoss.Expired) NodeLog.Warning(_log, $"service {owned.Name}: the lease of term {term} has ended without an echo from a majority; this node is silent");
            else NodeLog.Note(_log, $"service {owned.Name}: no longer primary in term {term} ({Words(why)}){(served ? "" : ", before it served")}");
            if (served) Notify(owned.Name, "secondary", term);
            _mirror.LoseLease(owned.Name);
            owned.HandOver.OnLost();
        }
        NoteReleased();
    }

    void IElectionSink.OnPrimary(int service, NodeId primary, uint term)
    {
        if (service >= _services.Length || _configuration.Node.Role == MemberRole.Witness) return;
        string? name = NameOf(primary);
        if (name is null) Takeovers.Begin(service, EventLoop.ReadClock());
        else if (name != _configuration.Node.Id) Takeovers.Forget(service);
        if (name is not null) NodeLog.Note(_log, $"service {_services[service].Name}: {name} is primary in term {term}");
        if (name != _configuration.Node.Id) _mirror.Follow(_services[service].Name, term, name);
    }

    void IElectionSink.OnSynchronisedSet(int service, SynchronisedSet set)
    {
        if (service < _services.Length && _configuration.Node.Role == MemberRole.Data) _mirror.CommitSynchronised(_services[service].Name, NamesOf(set));
    }

    void IElectionSink.OnView(GroupView view, bool isCommitted)
    {
        NodeLog.Note(_log, $"view {view.Term}:{view.Number}{(isCommitted ? " is committed" : "")}: {string.Join(' ', NamesOf(view, view.Voters))}");
        if (_group is not null && _configuration.Node.Role == MemberRole.Data) _mirror.UseDataMembers(NamesOf(view, view.Data)); // a member that was removed is waited for no longer
    }

    void IElectionSink.OnHandOverWanted(int service, NodeId target, HandOverReason why)
    {
        if (NameOf(target) is not { } name) return;
        if (service == _elections.GroupService)
        {
            _groupTarget = target;
            return;
        }
        OwnedService owned = _services[service];
        if (!owned.IsServing || owned.HandOver.IsUnderWay) return;
        NodeLog.Note(_log, $"service {owned.Name}: handing over to {name} ({Words(why)})");
        _ = owned.HandOver.Begin(Now, target, name, isOrdered: false);
    }

    void IElectionSink.Log(ElectionEvent kind, string text)
    {
        switch (kind)
        {
            case ElectionEvent.Progress: NodeLog.Note(_log, text); break;
            case ElectionEvent.Loss: NodeLog.Lost(_log, text); break;
            default: NodeLog.Warning(_log, text); break;
        }
    }

    void IMirrorRoles.OnServing(string service, ulong term)
    {
        int index = IndexOf(service);
        _services[index].CutTerm = (uint)term;
        _services[index].CollectsSince = null;
        TakeAddresses(index);
    }

    void IMirrorRoles.OnCollected(string service, ulong term) => Takeovers.Collected(IndexOf(service), EventLoop.ReadClock());

    void IMirrorRoles.OnTermTooLow(string service, ulong term, ulong seenTerm)
    {
        int index = IndexOf(service);
        _elections.NoteTerm(index, (uint)seenTerm);
        _elections.Release(Now, index);
    }

    void IMirrorRoles.OnStoodDown(string service, ulong higherTerm) => _elections.NoteTerm(IndexOf(service), (uint)higherTerm);

    void IMirrorRoles.OnSynchronisedMembersChanged(string service)
    {
        int index = IndexOf(service);
        ushort members = 0;
        foreach (string name in _mirror.SynchronisedMembers(service))
            if (_elections.View.SlotOf(NodeId.FromName(name)) is >= 0 and int slot) members |= (ushort)(1 << slot);
        if (_elections.ProposeSynchronisedSet(Now, index, members) is { } whyNot) NodeLog.Warning(_log, $"service {service}: its synchronised members cannot be recorded now: {whyNot}");
    }

    void IMirrorRoles.OnHandedOver(string service, string target, ulong term)
    {
        int index = IndexOf(service);
        Connections?.StandDown(index); // nothing is confirmed any more that the target has not
        string? whyNot = _elections.TransferTo(Now, index, NodeId.FromName(target));
        if (whyNot is null) NodeLog.Note(_log, $"service {service}: handed over to {target}");
        else _elections.Release(Now, index);
        _ = whyNot is null ? _counters.HandOvers++ : _counters.HandOversFailed++;
        _services[index].HandOver.End(whyNot);
    }

    void IMirrorRoles.OnHandOverFailed(string service, string target, string why)
    {
        _counters.HandOversFailed++;
        NodeLog.Warning(_log, $"service {service}: not handed over to {target}: {why}");
        _services[IndexOf(service)].HandOver.End(why);
    }

    void IMirrorRoles.OnOffered(string service, string from, ulong term)
    {
        Takeovers.Begin(IndexOf(service), EventLoop.ReadClock());
        NodeLog.Note(_log, $"service {service}: {from} hands it over");
    }
}
