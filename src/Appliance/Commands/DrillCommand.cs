using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Appliance.Drills;
using Appliance.Lab;

namespace Appliance.Commands;

/// <summary><c>appliance drill</c>: breaks a primary under real sessions and says what they noticed.</summary>
internal static class DrillCommand
{
    private const int MaxTimes = 1000;

    private static readonly Option<string?> Pull = new("--pull") { Description = "Pull its cable: front or sync; both when NIC is left out. The default", HelpName = "NIC", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<bool> Kill = new("--kill") { Description = "End it at once (SIGKILL)" }, Freeze = new("--freeze") { Description = "Stop its program while its kernel goes on (SIGSTOP)" },
        Partition = new("--partition") { Description = "Separate it from the other nodes; clients still reach it" }, History = new("--history") { Description = "Show earlier drills instead" };

    private static readonly Option<string?> Service = new("--service", "-s") { Description = "Whose primary to break; the laboratory's first service when left out", HelpName = "NAME" };
    private static readonly Option<int> Times = new("--times") { Description = "How many rounds", HelpName = "N", DefaultValueFactory = static _ => 1 };
    private static readonly Option<string> Name = new("--name") { Description = "Which laboratory", HelpName = "NAME", DefaultValueFactory = static _ => "lab" };
    private static readonly Option<bool> Json = CommonOptions.Json();

    internal static Command Create()
    {
        var command = new Command("drill", "Break the primary of a service in a laboratory under real client sessions, and say what they noticed") { Service, Pull, Kill, Freeze, Partition, Times, History, Name, Json, Probe() };
        command.Validators.Add(static result =>
        {
            if (new Option[] { Pull, Kill, Freeze, Partition }.Count(option => result.GetResult(option) is { Implicit: false }) > 1) result.AddError("one fault at a time: --pull, --kill, --freeze or --partition");
            if (result.GetResult(Times) is { Implicit: false } && result.GetValue(Times) is < 1 or > MaxTimes) result.AddError(string.Create(CultureInfo.InvariantCulture, $"--times: 1 to {MaxTimes}"));
        });
        command.SetAction((parsed, _) => RunAsync(parsed));
        return command;
    }

    /// <summary>The clients of a drill, in their namespace.</summary>
    private static Command Probe()
    {
        var targets = new Argument<string>("targets");
        var command = new Command("probe", "Internal") { targets };
        command.Hidden = true;
        command.SetAction(parsed => Prober.Run(parsed.GetRequiredValue(targets), Console.In, parsed.InvocationConfiguration.Output));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        try
        {
            string name = parsed.GetRequiredValue(Name);
            if (parsed.GetValue(History)) return Show(parsed, name);
            var drill = new LabDrill(name, parsed.GetValue(Service), FaultOf(parsed));
            bool json = parsed.GetValue(Json);
            TextWriter output = parsed.InvocationConfiguration.Output, error = parsed.InvocationConfiguration.Error;
            DrillReport report = await drill.RunAsync(parsed.GetValue(Times), round => error.WriteLine(Progress(round))).ConfigureAwait(false);
            if (json) await output.WriteLineAsync(JsonSerializer.Serialize(report, DrillJson.Default.DrillReport)).ConfigureAwait(false);
            else TerminalOutput.Over(output).Write(DrillView.Render(report));
            return report.Passed ? ExitCode.Done : ExitCode.Failed;
        }
        catch (LabException failure)
        {
            throw new CommandException(failure.Message);
        }
    }

    private static int Show(ParseResult parsed, string name)
    {
        using Laboratory lab = Laboratory.Open(name);
        IReadOnlyList<DrillReport> history = new DrillHistory(lab.Home).Read();
        TextWriter output = parsed.InvocationConfiguration.Output;
        if (parsed.GetValue(Json)) output.WriteLine(JsonSerializer.Serialize([.. history], DrillJson.Default.DrillReportArray));
        else TerminalOutput.Over(output).Write(DrillView.Render(history));
        return ExitCode.Done;
    }

    private static DrillFault FaultOf(ParseResult parsed) =>
        parsed.GetValue(Kill) ? new(FaultKind.Kill, null) : parsed.GetValue(Freeze) ? new(FaultKind.Freeze, null) : parsed.GetValue(Partition) ? new(FaultKind.Partition, null) : new(FaultKind.Pull, parsed.GetValue(Pull));

    private static string Progress(DrillRound round) => round.Failure is { } failure
        ? string.Create(CultureInfo.InvariantCulture, $"round {round.Round}: {failure}")
        : string.Create(CultureInfo.InvariantCulture, $"round {round.Round}: {round.Primary} > {round.Successor}, gap {round.GapMs:0.0} ms, {round.Acknowledged} acknowledged, {round.Lost} lost");
}
