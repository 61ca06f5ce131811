using System.Net;
using Appliance.Cluster.Elections;
using Appliance.Configuration;
using Appliance.Multicast;

namespace Appliance.Cluster.Failover;

/// <summary>Who votes, as an operator asks and changes it: one member at a time, on the primary of the group's own service (ARCHITECTURE 6, the group's own service). Loop thread.</summary>
internal sealed class MembershipOrders
{
    private readonly ApplianceConfiguration _configuration;
    private readonly ElectionEngine _elections;
    private readonly IGroup _group;

    internal MembershipOrders(ApplianceConfiguration configuration, ElectionEngine elections, IGroup group)
    {
        (_configuration, _elections, _group) = (configuration, elections, group);
    }

    private string? Primary => NameOf(_elections.PrimaryOf(_elections.GroupService));

    /// <summary>The view in use.</summary>
    internal MembershipReport List()
    {
        var members = new List<MembershipReport.Member>();
        foreach (ViewSlot slot in _elections.View.Slots)
            if (slot.Role != SlotRole.Vacant) members.Add(new(NameOf(slot.Node) ?? "", SettingReader.Format(slot.Role), Configured(slot.Node)?.Address.ToString()));
        return new MembershipReport(_elections.View.Term, _elections.View.Number, Primary, members);
    }

    /// <summary>A member that is configured here and heard becomes a voter.</summary>
    /// <returns>Null, or why nothing was done.</returns>
    internal string? Add(string member)
    {
        if (WhyNotAdd(member, _configuration.Group, out MemberAddress? added) is { } wrong) return wrong;
        var node = NodeId.FromName(added!.Name);
        if (_elections.View.SlotOf(node) >= 0) return $"{added.Name} is a member already";
        if (Elsewhere() is { } elsewhere) return elsewhere;
        if (added.Name != _configuration.Node.Id && !_group.Members.Any(other => other.Name == added.Name && other.State == MemberState.Live))
            return $"{added.Name} is not heard: start it first, or the majority grows by a voter that cannot vote";
        SlotRole role = _configuration.Group.Witnesses.Contains(added.Name) ? SlotRole.Witness : SlotRole.Data;
        return _elections.AddMember(_group.Now, node, role) is { } whyNot ? $"{added.Name} is not added: {whyNot}" : null;
    }

    /// <summary>A member votes no longer.</summary>
    /// <returns>Null, or why nothing was done.</returns>
    internal string? Remove(string name)
    {
        if (!NodeId.IsValidName(name)) return $"'{name}' is no name of a node";
        var node = NodeId.FromName(name);
        if (_elections.View.SlotOf(node) < 0) return $"'{name}' is no member of the group";
        if (Elsewhere() is { } elsewhere) return elsewhere;
        for (int i = 0; i < _configuration.Services.Count; i++)
            if (_elections.PrimaryOf(i) == node) return $"{name} is the primary of {_configuration.Services[i].Name}: drain it first";
        return _elections.RemoveMember(_group.Now, node) is { } whyNot ? $"{name} is not removed: {whyNot}" : null;
    }

    /// <summary>Whether NAME=ADDRESS can be added by a node that is configured so.</summary>
    /// <param name="member">As it was written.</param>
    /// <param name="group">This node's settings.</param>
    /// <param name="added">What was meant; null when it is not understood.</param>
    /// <returns>Null, or why not.</returns>
    internal static string? WhyNotAdd(string member, GroupOptions group, out MemberAddress? added)
    {
        added = null;
        if (member.Split('=') is not [var name, var address] || !NodeId.IsValidName(name) || !IPAddress.TryParse(address, out IPAddress? parsed)) return $"'{member}' is no member: write NAME=ADDRESS, as in [group] members";
        MemberAddress? known = group.Members.FirstOrDefault(other => other.Name == name);
        if (known is null) return $"[group] members of this node does not name {name}: put {member} there on every node and restart them one by one, then add it";
        if (!known.Address.Equals(parsed)) return $"[group] members of this node says {known}, not {member}: make them alike on every node first";
        added = known;
        return null;
    }

    private string? Elsewhere() => _elections.IsPrimary(_elections.GroupService, _group.Now) ? null
        : Primary is { } primary ? $"this node is not the primary of the group's own service: ask {primary}"
        : "the group's own service has no primary now: no majority of the members is there";

    private MemberAddress? Configured(NodeId node) => _configuration.Group.Members.FirstOrDefault(member => NodeId.FromName(member.Name) == node);

    private string? NameOf(NodeId node) => node == NodeId.None ? null : Configured(node)?.Name ?? node.ToString();
}

/// <summary>The group's view as <c>members list --json</c> prints it. Field names are stable (docs/operations.md).</summary>
/// <param name="Term">Term of the group's own service in which it was proposed; 0: from the configuration.</param>
/// <param name="Number">Grows with every change.</param>
/// <param name="Primary">Who changes it: the primary of the group's own service; null while there is none.</param>
/// <param name="Members">The voters.</param>
internal sealed record MembershipReport(uint Term, uint Number, string? Primary, IReadOnlyList<MembershipReport.Member> Members)
{
    /// <summary>A voter; its address is null where this node's configuration does not name it.</summary>
    internal sealed record Member(string Name, string Role, string? Address);
}
