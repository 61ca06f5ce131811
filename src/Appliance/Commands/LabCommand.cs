using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Appliance.Lab;
using Appliance.Lab.Backend;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Appliance.Commands;

/// <summary><c>appliance lab</c>: a group on this machine, broken by hand.</summary>
internal static class LabCommand
{
    private static readonly Option<string> Name = new("--name")
    {
        Description = "Which laboratory: several can stand side by side",
        HelpName = "NAME",
        DefaultValueFactory = static _ => "lab",
        Recursive = true,
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON with stable field names (docs/operations.md)", Recursive = true };

    internal static Command Create() => new("lab", "A group on this machine, whose cables and processes can be broken by hand")
    {
        Name, Json, Up(), Status(),
        OnCard("pull", "Pull a node's cable at its far end: the node sees no carrier", static (lab, node, card) => lab.SetCable(node, card, plugged: false)),
        OnCard("plug", "Plug it in again", static (lab, node, card) => lab.SetCable(node, card, plugged: true)),
        OnCard("port-down", "Let the switch port forward nothing: the node's carrier stays", static (lab, node, card) => lab.SetPort(node, card, forwarding: false)),
        OnCard("port-up", "Let it forward again", static (lab, node, card) => lab.SetPort(node, card, forwarding: true)),
        OnNode("kill", "End a node at once (SIGKILL)", static (lab, node) => Done(() => lab.Kill(node))),
        OnNode("freeze", "Stop a node's program while its kernel goes on (SIGSTOP)", static (lab, node) => Done(() => lab.Freeze(node))),
        OnNode("thaw", "Let it go on", static (lab, node) => Done(() => lab.Thaw(node))),
        OnNode("start", "Start a node that is down, with empty memory", static (lab, node) => lab.StartAsync(node)),
        Loss(), Reorder(), Partition(),
        Simple("heal", "End loss, reordering and partitions; plug every cable, raise every port", static lab => lab.Heal()),
        Simple("down", "End every node and remove everything", static lab => lab.Down()),
        HoldBack(), Serve(),
    };

    private static Command Up()
    {
        var nodes = new Option<int>("--nodes") { Description = "How many nodes", DefaultValueFactory = static _ => 3 };
        var witnesses = new Option<int>("--witness") { Description = "How many of them, the last ones, only vote and hold no state", HelpName = "N" };
        var loopback = new Option<bool>("--loopback") { Description = "Without network namespaces, on 127.0.0.0/8 (always so when not root)" };
        var set = new Option<string[]>("--set") { Description = "Change the nodes' configuration: SECTION.KEY=VALUE, or NODE:SECTION.KEY=VALUE for one", HelpName = "SETTING" };
        var command = new Command("up", "Make the network and start the nodes") { nodes, witnesses, loopback, set };
        SetAction(command, async (parsed, lab) =>
        {
            await lab.UpAsync(parsed.GetValue(nodes), parsed.GetValue(witnesses), parsed.GetValue(loopback) || !Environment.IsPrivilegedProcess, parsed.GetValue(set) ?? []).ConfigureAwait(false);
            await PrintAsync(parsed, lab).ConfigureAwait(false);
        });
        return command;
    }

    private static Command Status()
    {
        var watch = new Option<bool>("--watch") { Description = "Show it again and again until Ctrl-C" };
        var command = new Command("status", "Show what is there now") { watch };
        command.SetAction((parsed, cancellation) => parsed.GetValue(watch) ? LiveView.RunAsync(parsed.InvocationConfiguration.Output, () => LookAsync(parsed), cancellation) : ActAsync(parsed, PrintAsync));
        return command;
    }

    private static Command Loss()
    {
        var percent = new Argument<double?>("percent") { Description = "Of all datagrams towards each receiver; 0 ends it; left out only reports", Arity = ArgumentArity.ZeroOrOne };
        var from = new Option<string?>("--from") { Description = "From this node only", HelpName = "NODE" };
        var to = new Option<string?>("--to") { Description = "To this node only", HelpName = "NODE" };
        var command = new Command("loss", "Drop datagrams at random on the synchronisation network; reports how many were dropped") { percent, from, to };
        SetAction(command, (parsed, lab) => Done(() => Print(parsed, lab.Lose(parsed.GetValue(percent), parsed.GetValue(from), parsed.GetValue(to)), "dropped")));
        return command;
    }

    private static Command Reorder()
    {
        var percent = new Argument<double?>("percent") { Description = "Of all datagrams towards each receiver; 0 ends it; left out only reports", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("reorder", "Hold datagrams back so that later ones overtake them; reports how many were held back") { percent };
        SetAction(command, (parsed, lab) => Done(() => Print(parsed, lab.Reorder(parsed.GetValue(percent)), "held back")));
        return command;
    }

    private static Command Partition()
    {
        var sides = new Argument<string>("sides") { Description = "A,B/C: nothing passes between the nodes before and behind the slash" };
        var oneWay = new Option<bool>("--one-way") { Description = "Drop only what the first side sends to the second" };
        var command = new Command("partition", "Separate nodes on both networks") { sides, oneWay };
        SetAction(command, (parsed, lab) => Done(() =>
        {
            string[] parts = parsed.GetRequiredValue(sides).Split('/');
            if (parts.Length != 2 || parts.Any(static part => part.Length == 0)) throw new CommandException("write the two sides as A,B/C", ExitCode.WrongUsage);
            lab.Partition(parts[0].Split(','), parts[1].Split(','), parsed.GetValue(oneWay));
        }));
        return command;
    }

    /// <summary>The process behind <c>reorder</c>.</summary>
    private static Command HoldBack()
    {
        var nodes = new Argument<string[]>("nodes");
        var command = new Command("hold-back", "Internal") { nodes };
        command.Hidden = true;
        command.SetAction(parsed => PacketReorderer.Run(parsed.GetRequiredValue(nodes)));
        return command;
    }

    /// <summary>The backend.</summary>
    private static Command Serve()
    {
        var endPoint = new Argument<string>("address:port");
        var command = new Command("serve", "Internal") { endPoint };
        command.Hidden = true;
        command.SetAction((parsed, ending) => LabBackend.RunAsync(IPEndPoint.Parse(parsed.GetRequiredValue(endPoint)), parsed.InvocationConfiguration.Output, ending));
        return command;
    }

    private static Command OnCard(string verb, string description, Action<Laboratory, string, string?> act)
    {
        var node = new Argument<string>("node");
        var card = new Argument<string?>("nic") { Description = "front or sync; both when left out", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command(verb, description) { node, card };
        SetAction(command, (parsed, lab) => Done(() => act(lab, parsed.GetRequiredValue(node), parsed.GetValue(card))));
        return command;
    }

    private static Command OnNode(string verb, string description, Func<Laboratory, string, Task> act)
    {
        var node = new Argument<string>("node");
        var command = new Command(verb, description) { node };
        SetAction(command, (parsed, lab) => act(lab, parsed.GetRequiredValue(node)));
        return command;
    }

    private static Command Simple(string verb, string description, Action<Laboratory> act)
    {
        var command = new Command(verb, description);
        SetAction(command, (_, lab) => Done(() => act(lab)));
        return command;
    }

    private static void SetAction(Command command, Func<ParseResult, Laboratory, Task> act) => command.SetAction((parsed, _) => ActAsync(parsed, act));

    private static async Task<int> ActAsync(ParseResult parsed, Func<ParseResult, Laboratory, Task> act)
    {
        try
        {
            using Laboratory lab = Laboratory.Open(parsed.GetRequiredValue(Name));
            await act(parsed, lab).ConfigureAwait(false);
            return ExitCode.Done;
        }
        catch (LabException failure)
        {
            throw new CommandException(failure.Message);
        }
    }

    // The laboratory is opened anew each time: between two looks other commands may break it.
    private static async Task<IRenderable> LookAsync(ParseResult parsed)
    {
        IRenderable view = Text.Empty;
        await ActAsync(parsed, async (_, lab) => view = LabView.Render(await lab.ReportAsync().ConfigureAwait(false), await lab.ViewsAsync().ConfigureAwait(false))).ConfigureAwait(false);
        return view;
    }

    private static Task Done(Action act)
    {
        act();
        return Task.CompletedTask;
    }

    private static async Task PrintAsync(ParseResult parsed, Laboratory lab)
    {
        LabReport report = await lab.ReportAsync().ConfigureAwait(false);
        TextWriter output = parsed.InvocationConfiguration.Output;
        if (parsed.GetValue(Json)) await output.WriteLineAsync(report.ToJson()).ConfigureAwait(false);
        else TerminalOutput.Over(output).Write(LabView.Render(report, await lab.ViewsAsync().ConfigureAwait(false)));
    }

    private static void Print(ParseResult parsed, FaultReport report, string what)
    {
        TextWriter output = parsed.InvocationConfiguration.Output;
        if (parsed.GetValue(Json))
        {
            output.WriteLine(JsonSerializer.Serialize(report, LabJson.Default.FaultReport));
            return;
        }
        foreach (LinkCount link in report.Links)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{link.From ?? "*"} -> {link.To}: {link.Percent} % asked, {link.Touched} of {link.Seen} {what}"));
    }
}
