using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 5: whole nodes that do not belong to the group are counted, refused and named, and change nothing while it works on.</summary>
public sealed class Strangers
{
    [RootFact]
    public void Another_group_on_the_same_address_and_port_works_beside_this_one_under_load_in_both()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        Place first = Place.Add(lab, 'x'), second = Place.Add(lab, 'y'), third = Place.Add(lab, 'z');
        string keys = NewKeys(lab), members = $"x={first.Address} y={second.Address} z={third.Address}";
        using NodeProcess x = first.Start("x", lab.Primary, "other", keys, members, primary: "x"), y = second.Start("y", lab.Primary, "other", keys, members, primary: "x"), z = third.Start("z", lab.Primary, "other", keys, members, primary: "x");
        Until.True("the other group stands, its preferred member serves", TimeSpan.FromSeconds(20), () => x.Node.IsConverged() && y.Node.IsConverged() && z.Node.IsConverged() && x.Node.Serves(Laboratory.Service));
        using var ours = new SteadyWriter(lab.Connect(lab.Primary), "ours:");
        using var theirs = new SteadyWriter(first.Connect(), "theirs:");

        foreach (LabNode node in lab.Nodes.Concat([x.Node, y.Node, z.Node])) AwaitNamed(node, "another group sends to the same address and port");
        ours.AwaitMore(2000, "beside another group");
        theirs.AwaitMore(2000, "beside another group");
        ours.Stop();
        theirs.Stop();

        lab.AwaitConverged(TimeSpan.FromSeconds(20));
        Until.True("the other group has converged", TimeSpan.FromSeconds(20), () => x.Node.IsConverged() && y.Node.IsConverged() && z.Node.IsConverged());
        foreach (LabNode node in lab.Nodes)
        {
            Assert.True(node.Metric("appliance_multicast_dropped_foreign_group_total") > 0);
            using RespClient reader = lab.Connect(node);
            Assert.Equal(ours.Written.ToString(), reader.Call("DBSIZE").Text);
            ours.AssertHeldBy(reader, node.Id);
        }
        foreach (Place place in new[] { first, second, third })
        {
            using RespClient reader = place.Connect();
            Assert.Equal(theirs.Written.ToString(), reader.Call("DBSIZE").Text);
            theirs.AssertHeldBy(reader, place.Name);
        }
        AwaitLogged(() => x.Log, "another group");
        AwaitLogged(() => lab.LogOf(lab.Primary), "another group");
    }

    [RootFact]
    public void A_node_with_the_right_name_and_a_wrong_key_is_refused_and_both_sides_say_so()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        LabNode away = lab.Secondaries[^1];
        using var writer = new SteadyWriter(lab.Connect(lab.Primary), "k:");
        lab.Lab("kill", away.Id);
        Place place = Place.Add(lab, 'x');
        string members = string.Join(' ', Place.ConfigurationOf(away).Group.Members.Select(member => $"{member.Name}={(member.Name == away.Id ? place.Address : member.Address)}"));

        using (NodeProcess stranger = place.Start(away.Id, lab.Primary, Place.ConfigurationOf(away).Group.Name, NewKeys(lab), members, lab.Primary.Id))
        {
            foreach (LabNode node in lab.Nodes.Where(node => node.Id != away.Id).Append(stranger.Node)) AwaitNamed(node, "no key of this node opens");
            writer.AwaitMore(2000, "beside a node with a wrong key");
            Until.True("the killed member is dead to the primary and the stranger has not taken its place", TimeSpan.FromSeconds(20), () => lab.Primary.Member(away.Id).GetProperty("state").GetString() != "live");
            writer.AwaitMore(500, "since the member is dead");
            Assert.NotEqual("live", lab.Primary.Member(away.Id).GetProperty("state").GetString());
            Assert.False(stranger.Node.Status().GetProperty("synchronised").GetBoolean());
            Assert.Equal(0, stranger.Node.Status().GetProperty("services")[0].GetProperty("records").GetInt64());
            Assert.True(lab.Primary.Metric("appliance_multicast_dropped_not_authentic_total") > 0);
            AwaitLogged(() => stranger.Log, "no key of this node opens");
            AwaitLogged(() => lab.LogOf(lab.Primary), "no key of this node opens");
            Assert.Contains($"{place.Address}:", Warning(lab.Primary, "no key of this node opens"));
        }
        AssertUnharmed(lab, writer, away);
    }

    [RootTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_clone_with_a_copy_of_the_state_directory_is_refused_and_named_by_itself_its_twin_and_the_others(bool ofThePrimary)
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        LabNode twin = ofThePrimary ? lab.Primary : lab.Secondaries[0];
        ulong incarnation = twin.Status().GetProperty("incarnation").GetUInt64();
        using var writer = new SteadyWriter(lab.Connect(lab.Primary), "k:");
        Place place = Place.Add(lab, 'x');
        Shell.Run("cp", "-r", Path.Combine(twin.Home, "state"), Path.Combine(place.Home, "state"));
        string members = string.Join(' ', Place.ConfigurationOf(twin).Group.Members.Select(member => $"{member.Name}={(member.Name == twin.Id ? place.Address : member.Address)}"));

        using (NodeProcess clone = place.Start(twin.Id, twin, Place.ConfigurationOf(twin).Group.Name, lab.KeyFile, members, lab.Primary.Id))
        {
            AwaitNamed(clone.Node, $"the group refuses this node: '{twin.Id}' is alive at");
            AwaitNamed(twin, $"a second '{twin.Id}' runs at {place.Address}:");
            foreach (LabNode node in lab.Nodes.Where(node => node.Id != twin.Id)) AwaitNamed(node, "with the id of a member that is alive");
            writer.AwaitMore(2000, "beside a clone");
            Assert.Equal(incarnation, twin.Status().GetProperty("incarnation").GetUInt64());
            foreach (LabNode node in lab.Nodes.Where(node => node.Id != twin.Id)) Assert.Equal(incarnation, node.Member(twin.Id).GetProperty("incarnation").GetUInt64());
            Assert.True(lab.Nodes.Sum(node => node.Metric("appliance_multicast_clones_seen_total")) > 0);
            Assert.Equal(0, clone.Node.Status().GetProperty("services")[0].GetProperty("records").GetInt64());
            AwaitLogged(() => clone.Log, $"the group refuses this node: '{twin.Id}' is alive at");
            AwaitLogged(() => lab.LogOf(twin), $"a second '{twin.Id}' runs at");
        }
        AssertUnharmed(lab, writer, returns: null);
    }

    private static void AssertUnharmed(Laboratory lab, SteadyWriter writer, LabNode? returns)
    {
        if (returns is not null) lab.Lab("start", returns.Id);
        writer.AwaitMore(500, "after the stranger");
        writer.Stop();
        lab.AwaitConverged(TimeSpan.FromSeconds(20));
        foreach (LabNode node in lab.Nodes)
        {
            using RespClient reader = lab.Connect(node);
            Assert.Equal(writer.Written.ToString(), reader.Call("DBSIZE").Text);
            writer.AssertHeldBy(reader, node.Id);
        }
    }

    private static string NewKeys(Laboratory lab)
    {
        string file = Path.Combine(lab.StateDirectory, "other.key");
        Shell.Run(Laboratory.Program, "keygen", file);
        return file;
    }

    private static void AwaitNamed(LabNode node, string cause) =>
        Until.True($"the status of {node.Id} says: {cause}", TimeSpan.FromSeconds(15), () => Warning(node, cause) is not null);

    private static void AwaitLogged(Func<string> log, string cause) => Until.True($"the log says: {cause}", TimeSpan.FromSeconds(10), () => log().Contains(cause, StringComparison.Ordinal));

    private static string? Warning(LabNode node, string cause) =>
        node.Status().GetProperty("warnings").EnumerateArray().Select(static warning => warning.GetString()!).FirstOrDefault(warning => warning.Contains(cause, StringComparison.Ordinal));
}
