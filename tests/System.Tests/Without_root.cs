using System.Net;
using System.Text.Json;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary>Three processes on loopback, with multicast on lo, are a group for anybody; only cables and packets need root.</summary>
public sealed class Without_root
{
    private const string Nobody = "65534";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public void Lab_up_makes_a_group_on_loopback_whose_processes_can_be_killed_and_started()
    {
        using Bystander user = new();
        JsonElement up = JsonDocument.Parse(user.Lab("up", "--json")).RootElement;
        JsonElement[] nodes = [.. up.GetProperty("nodes").EnumerateArray()];
        int port = up.GetProperty("services")[0].GetProperty("listeners")[0].GetProperty("port").GetInt32();
        Assert.Equal(3, nodes.Length);
        Assert.All(nodes, static node => Assert.Equal(("", "up"), (node.GetProperty("namespace").GetString(), node.GetProperty("state").GetString())));

        string primary = up.GetProperty("services")[0].GetProperty("primary").GetString()!;
        using (RespClient writer = user.Connect(nodes.Single(node => node.GetProperty("id").GetString() == primary), port)) Assert.Equal("OK", writer.Call("SET", "cart:1", "apples").Text);
        AssertHeld();
        JsonElement status = user.Status(nodes[0]);
        Assert.Equal("multicast", status.GetProperty("group").GetProperty("transport").GetString());
        Assert.All(status.GetProperty("members").EnumerateArray(), static member => Assert.Equal("multicast", member.GetProperty("path").GetString()));

        user.Lab("kill", "b");
        user.Lab("start", "b");
        Until.True("all are synchronised again", Limit, () => nodes.All(node => user.Status(node).GetProperty("members").EnumerateArray().All(static member => member.GetProperty("synchronised").GetBoolean())));
        AssertHeld();
        Assert.Contains("needs namespaces", user.TryLab("pull", "b").Error, StringComparison.Ordinal);

        int[] processes = [.. JsonDocument.Parse(user.Lab("status", "--json")).RootElement.GetProperty("nodes").EnumerateArray().Select(static node => node.GetProperty("pid").GetInt32())];
        user.Lab("down");
        Assert.DoesNotContain(processes, static process => Shell.Try(Limit, "ps", "-o", "stat=", "-p", $"{process}").Output.Trim() is not ("" or ['Z', ..]));
        Assert.False(File.Exists(nodes[0].GetProperty("admin").GetString()));

        void AssertHeld()
        {
            foreach (JsonElement node in nodes)
            {
                using RespClient reader = user.Connect(node, port);
                Until.True($"{node.GetProperty("id")} holds the write", Limit, () => reader.Call("GET", "cart:1").Text == "apples");
            }
        }
    }

    [RootFact]
    public void Who_may_not_write_where_laboratories_live_is_told_so_in_one_sentence()
    {
        using Bystander user = new(laboratories: "/root");
        Shell.Outcome outcome = user.TryLab("up");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("laboratories live in /root, and this user may not write there", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", outcome.Error, StringComparison.Ordinal);
    }

    /// <summary>Who is not root. When this process is, the program runs as nobody, in a network namespace whose lo is the only card.</summary>
    private sealed class Bystander : IDisposable
    {
        private readonly TemporaryDirectory _directory = new();
        private readonly string _name = $"u{Environment.ProcessId % 100000}";
        private readonly string _program = Laboratory.Program;
        private readonly string[] _prefix;

        public Bystander(string? laboratories = null)
        {
            string home = _directory.Path;
            _prefix = ["env", laboratories is null ? "--unset=APPLIANCE_LAB_DIRECTORY" : $"APPLIANCE_LAB_DIRECTORY={laboratories}", $"TMPDIR={home}", $"HOME={home}"];
            if (!Environment.IsPrivilegedProcess) return;
            // The sources may stand where nobody may look.
            _program = Path.Combine(_directory.File("program"), "appliance");
            Shell.Run("cp", "-r", TestedProgram.Directory, _directory.File("program"));
            Shell.Run("chown", $"{Nobody}:{Nobody}", home);
            Shell.Run("ip", "netns", "add", Namespace);
            try
            {
                Shell.RunIn(Namespace, "ip", "link", "set", "lo", "up");
            }
            catch
            {
                Dispose();
                throw;
            }
            _prefix = ["nsenter", $"--net=/run/netns/{Namespace}", "setpriv", "--reuid", Nobody, "--regid", Nobody, "--clear-groups", "--inh-caps=-all", .. _prefix];
        }

        private string Namespace => $"appliance-{_name}";

        public string Lab(params string[] arguments)
        {
            Shell.Outcome outcome = TryLab(arguments);
            return outcome.ExitCode == 0 ? outcome.Output : throw new InvalidOperationException($"lab {string.Join(' ', arguments)}: {outcome.Error}{outcome.Output}");
        }

        public Shell.Outcome TryLab(params string[] arguments) => Run(["lab", arguments[0], "--name", _name, .. arguments[1..]]);

        public JsonElement Status(JsonElement node) => JsonDocument.Parse(Run("status", "--admin", node.GetProperty("admin").GetString()!, "--json").Output).RootElement;

        public RespClient Connect(JsonElement node, int port)
        {
            var endPoint = new IPEndPoint(IPAddress.Parse(node.GetProperty("address").GetString()!), port);
            return Environment.IsPrivilegedProcess ? NetworkNamespace.Run(Namespace, () => RespClient.Connect(endPoint)) : RespClient.Connect(endPoint);
        }

        public void Dispose()
        {
            TryLab("down");
            if (Environment.IsPrivilegedProcess) Shell.Try(Limit, "ip", "netns", "delete", Namespace);
            _directory.Dispose();
        }

        private Shell.Outcome Run(params string[] arguments)
        {
            string[] command = [.. _prefix, _program, .. arguments];
            return Shell.Try(TimeSpan.FromSeconds(90), command[0], command[1..]);
        }
    }
}
