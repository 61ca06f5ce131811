using System.Text.Json;
using Appliance.Commands;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Commands;

public sealed class The_command_line : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("fly")]
    [InlineData("run --colour red")]
    [InlineData("get")]
    [InlineData("lab")]
    [InlineData("lab pull")]
    [InlineData("lab loss many")]
    [InlineData("keygen --add --retire file")]
    [InlineData("accept-loss shop")]
    public async Task Answers_wrong_usage_with_exit_code_2(string arguments)
    {
        (int code, _, string error) = await InvokeAsync(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(ExitCode.WrongUsage, code);
        Assert.StartsWith("appliance: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Has_a_file_of_its_own_for_every_verb()
    {
        foreach (string verb in ApplianceCommandLine.Create().Subcommands.Select(static command => command.Name))
        {
            string name = string.Concat(verb.Split('-').Select(static word => char.ToUpperInvariant(word[0]) + word[1..]));
            Assert.True(File.Exists(RepositoryRoot.File($"src/Appliance/Commands/{name}Command.cs")), verb);
            Assert.Equal(ExitCode.Done, (await InvokeAsync(verb, "--help")).Code);
        }
    }

    [Fact]
    public async Task Refuses_to_run_a_wrong_configuration_and_says_all_that_is_wrong()
    {
        string path = _directory.File("wrong.conf");
        await File.WriteAllTextAsync(path, "[group]\nmembers = a\n[nod]\n");

        (int code, _, string error) = await InvokeAsync("run", "--config", path);

        Assert.Equal(ExitCode.WrongUsage, code);
        Assert.Contains($"{path}:2: [group] members: 'a' is not NAME=ADDRESS", error, StringComparison.Ordinal);
        Assert.Contains($"{path}:3: there is no section [nod]; did you mean 'node'?", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Checks_a_file_for_people_and_for_scripts()
    {
        string shipped = RepositoryRoot.File("appliance.conf");

        (int code, string text, _) = await InvokeAsync("check", "--file-only", "--config", shipped);
        (_, string json, _) = await InvokeAsync("check", "--file-only", "--json", "--config", shipped);

        Assert.Equal(ExitCode.Done, code);
        Assert.Contains("node a of 3", text, StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(json);
        Assert.True(document.RootElement.GetProperty("valid").GetBoolean());
        Assert.Equal(64, document.RootElement.GetProperty("digest").GetString()!.Length);
    }

    [Fact]
    public async Task Checks_the_host_and_names_what_is_missing_with_its_remedy()
    {
        string path = _directory.File("node.conf");
        await File.WriteAllTextAsync(path, $"[node]\nid = a\nstate-directory = {_directory.File("state")}\n[group]\nmembers = a=192.0.2.1 b=192.0.2.2 c=192.0.2.3\nkey-file = {_directory.File("none.key")}\n[admin]\nsocket = {_directory.File("admin.sock")}\n");

        (int code, string text, _) = await InvokeAsync("check", "--config", path);

        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("ERROR    address 192.0.2.1: no network card has it", text, StringComparison.Ordinal);
        Assert.Contains($"fix: appliance keygen {_directory.File("none.key")}", text, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory.File("state")));
    }

    [Fact]
    public async Task Makes_a_key_file_once_and_does_not_print_the_key()
    {
        string path = _directory.File("group.key");

        (int code, string text, _) = await InvokeAsync("keygen", path);
        (int again, _, string error) = await InvokeAsync("keygen", path);
        (int added, string both, _) = await InvokeAsync("keygen", "--add", path);

        Assert.Equal((ExitCode.Done, ExitCode.Failed, ExitCode.Done), (code, again, added));
        Assert.Equal($"{path}: key 1 seals\n", text);
        Assert.Contains("exists", error, StringComparison.Ordinal);
        Assert.Equal($"{path}: key 1 seals; key 2 open too\n", both);
    }

    [Theory]
    [InlineData("status"), InlineData("reload"), InlineData("get", "key")]
    public async Task Says_in_one_line_that_no_node_answers(params string[] arguments)
    {
        (int code, _, string error) = await InvokeAsync([.. arguments, "--admin", _directory.File("none.sock")]);

        Assert.Equal(ExitCode.Failed, code);
        Assert.StartsWith("appliance: no node answers at", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    private static async Task<(int Code, string Output, string Error)> InvokeAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = await ApplianceCommandLine.InvokeAsync(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }
}
