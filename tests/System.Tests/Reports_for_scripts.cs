using System.Text.Json;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary>JSON that scripts read: every field that was promised, under its name.</summary>
public sealed class Reports_for_scripts
{
    private const string LaboratoryShape =
        "{nodes[{id,pid#,namespace,address,admin,state}],client{namespace},backend{namespace,address,port#},services[{name,address,primary,listeners[{name,type,port#}]}],dropped#,reordered#}";

    [RootFact]
    public void Lab_up_and_lab_status_print_the_laboratory()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        JsonElement up = JsonDocument.Parse(lab.Report).RootElement, status = lab.Refresh();

        Assert.Equal(LaboratoryShape, Shape(up));
        Assert.Equal(LaboratoryShape, Shape(status));
        Assert.Equal(["a", "b", "c"], up.GetProperty("nodes").EnumerateArray().Select(static node => node.GetProperty("id").GetString()));
        foreach (JsonElement node in up.GetProperty("nodes").EnumerateArray())
        {
            Assert.Equal("up", node.GetProperty("state").GetString());
            Assert.True(Directory.Exists($"/proc/{node.GetProperty("pid").GetInt32()}"));
            Assert.True(File.Exists(node.GetProperty("admin").GetString()));
            Assert.True(File.Exists($"/run/netns/{node.GetProperty("namespace").GetString()}"));
        }
        JsonElement[] services = [.. up.GetProperty("services").EnumerateArray()];
        Assert.Equal([("demo", "10.0.0.150"), ("second", "10.0.0.151")], services.Select(static service => (service.GetProperty("name").GetString()!, service.GetProperty("address").GetString()!)));
        foreach (JsonElement service in services) Assert.True(lab[service.GetProperty("primary").GetString()!].Serves(service.GetProperty("name").GetString()!));
    }

    [RootFact]
    public void Appliance_status_prints_what_a_node_sees_and_what_would_be_lost_with_it()
    {
        // So long a lease that the primary still serves while it is cut off below.
        using Laboratory lab = Laboratory.Up(3, "--set", "group.heartbeat=20ms", "--set", "group.dead-after=15s", "--set", "group.lease=12s");
        LabNode primary = lab.Primary;
        string[] others = [.. lab.Secondaries.Select(static node => node.Id)];
        using RespClient writer = lab.Connect(primary);
        Assert.Equal("OK", writer.Call("SET", "cart:1", "apples").Text);
        lab.AwaitConverged(TimeSpan.FromSeconds(10));
        JsonElement node = Ask(primary);

        Assert.Equal(primary.Id, node.GetProperty("id").GetString());
        Assert.True(node.GetProperty("incarnation").GetUInt64() > 0);
        Assert.Equal([Laboratory.Service, Laboratory.SecondService], node.GetProperty("services").EnumerateArray().Select(static known => known.GetProperty("name").GetString()));
        JsonElement service = node.GetProperty("services")[0];
        Assert.Equal("primary", service.GetProperty("role").GetString());
        Assert.True(service.GetProperty("term").GetUInt64() > 0);
        JsonElement purchases = service.GetProperty("classes").EnumerateArray().Single(static row => row.GetProperty("class").GetString() == "purchase");
        Assert.Equal(1, purchases.GetProperty("records").GetInt64());
        Assert.True(purchases.GetProperty("bytes").GetInt64() >= "cart:1apples".Length);
        Assert.Equal(4, service.GetProperty("classes").GetArrayLength());
        Assert.Equal(others, node.GetProperty("members").EnumerateArray().Select(static member => member.GetProperty("id").GetString()));
        foreach (JsonElement member in node.GetProperty("members").EnumerateArray())
            foreach (string lag in new[] { "lagMessages", "lagBytes", "lagMilliseconds" }) Assert.Equal(0, member.GetProperty(lag).GetInt64());
        Assert.Equal(0, node.GetProperty("wouldBeLost").GetArrayLength());

        // Nobody hears it any more: what it accepts now would go with it.
        lab.Lab("partition", $"{primary.Id}/{string.Join(',', others)}");
        writer.Queue("SET", "plain", "pears");
        writer.Flush();
        Until.True("the status says what would be lost", TimeSpan.FromSeconds(10), () => Ask(primary).GetProperty("wouldBeLost").GetArrayLength() > 0);
        JsonElement loss = Ask(primary).GetProperty("wouldBeLost")[0];
        Assert.Equal(("demo", "application", 1L), (loss.GetProperty("service").GetString(), loss.GetProperty("class").GetString(), loss.GetProperty("records").GetInt64()));
        lab.Lab("heal");
        lab.AwaitConverged(TimeSpan.FromSeconds(20));
    }

    private static JsonElement Ask(LabNode node) => JsonDocument.Parse(Shell.Run(Laboratory.Program, "status", "--admin", node.Admin, "--json")).RootElement;

    // Names in their order; '#' behind a number; of a list the shape that all items share.
    private static string Shape(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(',', value.EnumerateObject().Select(static field => field.Name + Shape(field.Value)))}}}",
        JsonValueKind.Array => $"[{Assert.Single(value.EnumerateArray().Select(Shape).Distinct())}]",
        JsonValueKind.Number => "#",
        _ => "",
    };
}
