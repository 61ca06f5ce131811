using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Appliance.Cluster.Elections;
using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Host;

/// <summary>What a configuration means to the parts of a node.</summary>
internal static class NodeSettings
{
    /// <summary>Of the multicast group.</summary>
    internal static GroupSettings Group(ApplianceConfiguration configuration, ulong incarnation, IReadOnlyList<GroupKey> keys, IPEndPoint synchronisation)
    {
        GroupOptions group = configuration.Group;
        return new GroupSettings
        {
            Name = group.Name,
            NodeName = configuration.Node.Id,
            Incarnation = incarnation,
            Role = configuration.Node.Role,
            Interface = group.Interface.Length > 0 ? group.Interface : OwnAddress(configuration).ToString(),
            UseMulticast = group.Transport == GroupTransport.Multicast,
            Address = group.Address,
            Port = group.Port,
            HeartbeatPort = group.HeartbeatPort,
            Peers = [.. group.Members.Where(member => member.Name != configuration.Node.Id).Select(member => new IPEndPoint(member.Address, group.Port))],
            SecondAddress = group.SecondPath.FirstOrDefault(end => end.Name == configuration.Node.Id)?.Address,
            SecondPeers = [.. group.SecondPath.Where(end => end.Name != configuration.Node.Id).Select(end => new IPEndPoint(end.Address, group.EffectiveHeartbeatPort))],
            TimeToLive = group.Ttl,
            Sealed = group.Security == GroupSecurity.Sealed,
            Keys = keys,
            Heartbeat = group.Heartbeat,
            DeadAfter = group.DeadAfter,
            HangAfter = group.DeadAfter / 2,
            FlushDelay = group.FlushAfter,
            ReorderDelay = group.ReorderDelay,
            WindowBytes = group.Window.Bytes,
            PacingBytesPerSecond = group.Rate.Bytes,
            RealtimeHeartbeats = configuration.Node.Realtime != Permission.No,
            LockMemory = configuration.Node.LockMemory != Permission.No,
            SynchronisationEndPoint = synchronisation,
        };
    }

    /// <summary>Of the connections that bring snapshots.</summary>
    internal static SealedConnectionSettings Connections(ApplianceConfiguration configuration, IReadOnlyList<GroupKey> keys) => new()
    {
        GroupName = configuration.Group.Name,
        NodeName = configuration.Node.Id,
        Sealed = configuration.Group.Security == GroupSecurity.Sealed,
        Keys = keys,
    };

    /// <summary>Of the elections.</summary>
    internal static ElectionOptions Elections(ApplianceConfiguration configuration) => new()
    {
        Name = configuration.Node.Id,
        Members = [.. configuration.Group.Members.Select(member => new ElectionMember(member.Name, configuration.Group.Witnesses.Contains(member.Name) ? MemberRole.Witness : MemberRole.Data))],
        Services = [.. configuration.Services.Select(service => new ElectionService
        {
            Name = service.Name,
            Priority = (byte)service.Priority,
            Preferred = NodeId.FromName(configuration.PrimaryOf(service)),
            Preempt = service.Preempt,
            OnLoss = service.OnLoss,
            OnLossAfter = service.OnLossAfter,
        })],
        Heartbeat = configuration.Group.Heartbeat,
        DeadAfter = configuration.Group.DeadAfter,
        Lease = configuration.Group.Lease,
        Quorum = configuration.Group.Quorum == Quorum.Majority,
        ConfigurationDigest = GroupDigest.ForElections(configuration),
    };

    /// <summary>Of the state mirror.</summary>
    internal static StateMirrorOptions Mirror(ApplianceConfiguration configuration, ulong incarnation, ReadOnlyMemory<byte> groupSeed)
    {
        byte[] hashSeed = HashSeed(groupSeed.Span, configuration.Node.Id, incarnation);
        int services = Math.Max(1, configuration.Services.Count);
        return new StateMirrorOptions
        {
            Node = configuration.Node.Id,
            DataMembers = [.. configuration.DataMembers],
            Services = configuration.Node.Role == MemberRole.Witness ? [] : [.. configuration.Services.Select(static service => new MirroredServiceOptions(service.Name, Primary: null))],
            Classes = configuration.Classes,
            Hash = new BuzHash(hashSeed),
            TombstoneRetention = configuration.Group.TombstoneRetention,
            SilentAfter = configuration.Group.DeadAfter * 3 / 4,
            Limits = new StoreLimits
            {
                // The group's windows come out of the same limit.
                MemoryBytes = (configuration.Node.MemoryLimit.Bytes - 2 * configuration.Group.Window.Bytes) / services,
                MaxKeyBytes = (int)configuration.Group.MaxKey.Bytes,
                MaxValueBytes = (int)configuration.Group.MaxValue.Bytes,
                RandomSeed = BitConverter.ToUInt64(hashSeed),
            },
        };
    }

    /// <summary>
    /// The seed of this node's table in this life. Not the group's itself: a snapshot comes in the order of the sender's hashes, and a table that is filled in
    /// the order of its own hashes fills from one end (docs/decisions/0002-hash-seed-per-life.md).
    /// </summary>
    internal static byte[] HashSeed(ReadOnlySpan<byte> groupSeed, string node, ulong incarnation)
    {
        var seed = new byte[BuzHash.SeedBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, groupSeed, seed, salt: [], Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"table {node} {incarnation}")));
        return seed;
    }

    /// <summary>Where this node serves snapshots: the group's port, by TCP.</summary>
    internal static IPEndPoint Synchronisation(ApplianceConfiguration configuration) => new(OwnAddress(configuration), configuration.Group.Port);

    /// <summary>This member's address on the synchronisation network.</summary>
    internal static IPAddress OwnAddress(ApplianceConfiguration configuration) => configuration.Group.AddressOf(configuration.Node.Id)!;
}
