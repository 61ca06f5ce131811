using System.Diagnostics;
using System.Text.RegularExpressions;
using Appliance.Admin;
using Appliance.Commands;
using Appliance.Tests.Admin;
using Appliance.Tests.Appliance.Cluster.Interop;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Host;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Commands;

/// <summary><c>appliance status --watch</c>: without a terminal, on a terminal that changes its size, of a node that goes.</summary>
public sealed partial class Watching_the_status : IDisposable
{
    private const int Interrupt = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly string Program = TestedProgram.Path;
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Shows_roles_terms_leases_lag_promises_and_what_would_be_lost()
    {
        string view = View(Statuses.Sample);

        Assert.Matches(@"shop +primary +a +3 +- +purchase .* 2 of 1 +no: refuses", view);
        Assert.Matches(@"application .* 0 of 1 +yes", view);
        Assert.Matches(@"b +live +yes +multicast +12 +3456 B +7 ms +200 us +4 ms", view);
        Assert.Matches(@"c +absent +no", view);
        Assert.Contains("If this node died now, lost: 12 purchase writes of shop", view, StringComparison.Ordinal);
        Assert.Contains("warning: service shop: class purchase asks for 2", view, StringComparison.Ordinal);

        NodeStatus leased = Statuses.Sample with { Services = [Statuses.Sample.Services[0] with { LeaseLeftMilliseconds = 140 }] };
        Assert.Matches(@"shop +primary +a +3 +140 ms +purchase", View(leased));
    }

    [Fact]
    public void Goes_on_while_no_node_answers_and_ends_on_an_interrupt()
    {
        using var node = new NodeProcess();
        node.AwaitServing();
        using Process watch = Start(Program, "status", "--watch", "--admin", node.Admin);

        Await(watch, "primary");
        Await(watch, "If this node died now: nothing would be lost");
        Assert.Equal(0, node.End());
        Await(watch, "no node answers at");
        Await(watch, "no node answers at");
        TestKernel.Signal(watch.Id, Interrupt);

        Assert.True(watch.WaitForExit(Patience));
        Assert.Equal(ExitCode.Done, watch.ExitCode);
    }

    [Fact]
    public void Ends_when_nobody_reads_it()
    {
        using Process shell = Start("sh", "-c", $"'{Program}' status --watch --admin '{_directory.File("none.sock")}' | head -n 1");

        Assert.True(shell.WaitForExit(Patience));
    }

    [ProgramFact("script")]
    public void Follows_the_size_of_the_terminal_and_gives_it_back_as_it_was()
    {
        using var node = new NodeProcess();
        node.AwaitServing();
        // script(1) makes the terminal.
        string shell = $"stty cols 150 rows 40; echo $$ > {_directory.File("pid")}; exec '{Program}' status --watch --admin '{node.Admin}'";
        var start = new ProcessStartInfo("script", ["-qec", shell, "/dev/null"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["TERM"] = "xterm";
        using Process script = Process.Start(start)!;
        using var limit = new Timer(_ => script.Kill(), null, 3 * Patience, Timeout.InfiniteTimeSpan);
        const string hideCursor = "\e[?25l", showCursor = "\e[?25h", clear = "\e[2J";

        string wide = ReadThrough(script, "nothing would be lost");
        int watch = int.Parse(File.ReadAllText(_directory.File("pid")));
        string terminal = new FileInfo($"/proc/{watch}/fd/1").LinkTarget!;
        TestNamespace.Command("stty", "-F", terminal, "cols", "90", "rows", "30");
        ReadThrough(script, clear);
        string narrow = ReadThrough(script, "nothing would be lost");
        TestKernel.Signal(watch, Interrupt);
        string rest = script.StandardOutput.ReadToEnd();

        Assert.True(script.WaitForExit(Patience));
        Assert.Equal(ExitCode.Done, script.ExitCode);
        Assert.Contains(hideCursor, wide, StringComparison.Ordinal);
        Assert.EndsWith(showCursor, TerminalModes().Replace(rest, "").TrimEnd(), StringComparison.Ordinal);
        Assert.InRange(LongestLine(wide), 91, 150);
        Assert.InRange(LongestLine(narrow), 1, 90);
        Assert.Equal(0, node.End());
    }

    [Fact]
    public async Task Refuses_to_watch_as_JSON()
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.Equal(ExitCode.WrongUsage, await ApplianceCommandLine.InvokeAsync(["status", "--watch", "--json"], output, error));
        Assert.StartsWith("appliance: --watch shows tables", error.ToString(), StringComparison.Ordinal);
    }

    private static string View(NodeStatus status)
    {
        using var output = new StringWriter();
        TerminalOutput.Over(output).Write(StatusView.Render(status));
        return ControlSequence().Replace(output.ToString(), "");
    }

    private static Process Start(string program, params string[] arguments) => Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;

    private static void Await(Process process, string text)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            string? line = process.StandardOutput.ReadLineAsync(patience.Token).AsTask().GetAwaiter().GetResult();
            Assert.NotNull(line);
            if (line.Contains(text, StringComparison.Ordinal)) return;
        }
    }

    /// <summary>Reads character by character, so that nothing behind the text is taken.</summary>
    private static string ReadThrough(Process process, string text)
    {
        var read = new System.Text.StringBuilder();
        while (!read.ToString().EndsWith(text, StringComparison.Ordinal))
        {
            int character = process.StandardOutput.Read();
            Assert.True(character >= 0, $"no '{text}' in {read}");
            read.Append((char)character);
        }
        return read.ToString();
    }

    private static int LongestLine(string text) => ControlSequence().Replace(text, "").Split('\n').Max(static line => line.TrimEnd('\r').Length);

    [GeneratedRegex(@"\e\[[0-9;?]*[A-Za-z]")]
    private static partial Regex ControlSequence();

    /// <summary>What the runtime sends when a program ends: cursor keys and keypad as before.</summary>
    [GeneratedRegex(@"\e\[\?1[hl]|\e[=>]")]
    private static partial Regex TerminalModes();
}
