using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>One life of one node of a <see cref="MirrorCluster"/>.</summary>
internal sealed class FakeNode
{
    internal FakeNode(MirrorCluster cluster, string name, ulong incarnation, StateMirrorOptions options, ITermStore terms)
    {
        Cluster = cluster;
        Name = name;
        Group = new FakeGroup(this, name, incarnation);
        Mirror = new StateMirror(options, new FakeSyncTransport(this), terms, (kind, text) => Events.Add((kind, text)));
        Roles = new RecordedRoles(this);
        if (options.Services[0].Primary is null) Mirror.Roles = Roles;
        Mirror.Start(Group);
    }

    internal MirrorCluster Cluster { get; }

    internal string Name { get; }

    internal FakeGroup Group { get; }

    internal StateMirror Mirror { get; }

    internal List<(MirrorEvent Kind, string Text)> Events { get; } = [];

    /// <summary>What the mirror told the elections.</summary>
    internal RecordedRoles Roles { get; }

    internal bool IsAlive { get; set; } = true;

    internal long ClockOffsetMilliseconds { get; set; }

    /// <summary>Datagrams of each other life that were delivered here; the key is that life.</summary>
    internal Dictionary<FakeNode, int> Delivered { get; } = [];

    internal ServiceStore Store => Mirror.Store("demo");

    internal MirroredService Service => Mirror.Services[0];

    internal string? Get(string key) => Store.TryRead(StoreFixture.Bytes(key), out StoredValue value) ? System.Text.Encoding.UTF8.GetString(value.Bytes) : null;

    internal string? GetField(string key, string field) =>
        Store.TryReadField(StoreFixture.Bytes(key), StoreFixture.Bytes(field), out StoredValue value) ? System.Text.Encoding.UTF8.GetString(value.Bytes) : null;

    internal ulong Set(string key, string value, long expiry = 0)
    {
        byte[] bytes = StoreFixture.Bytes(key);
        WriteRefusal refusal = Store.CheckWrite(bytes, value.Length);
        Assert.True(refusal == WriteRefusal.None, $"{Name} refuses to write: {refusal}");
        Store.Set(bytes, StoreFixture.Bytes(value), expiry);
        return Store.LastTicket;
    }

    internal bool Delete(string key) => Store.Delete(StoreFixture.Bytes(key));

    internal void SetField(string key, string field, string value) => Store.SetField(StoreFixture.Bytes(key), StoreFixture.Bytes(field), StoreFixture.Bytes(value));

    internal bool Said(MirrorEvent kind, string part) => Events.Exists(one => one.Kind == kind && one.Text.Contains(part, StringComparison.Ordinal));

    internal GroupMember? MemberOf(FakeNode other) => Group.MemberList.Find(member => member.Tag == other);

    public override string ToString() => $"{Name}/{Group.Incarnation}";
}
