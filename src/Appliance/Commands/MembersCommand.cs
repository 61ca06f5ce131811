using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Appliance.Admin;
using Appliance.Cluster.Failover;
using Spectre.Console;

namespace Appliance.Commands;

/// <summary><c>appliance members</c>: who votes.</summary>
internal static class MembersCommand
{
    internal static Command Create()
    {
        Argument<string> added = new("NAME=ADDRESS") { Description = "As in [group] members of every node" }, removed = new("NAME") { Description = "The member" };
        return new Command("members", "Show or change who votes in the group, one member at a time (docs/operations.md)")
        {
            NodeOrder.Create("add", "Let a node vote that is configured everywhere and runs; asked of the primary of the group's own service", [added], parsed => $"members/add?member={Uri.EscapeDataString(parsed.GetRequiredValue(added))}"),
            NodeOrder.Create("remove", "Let a member vote no longer; asked of the primary of the group's own service", [removed], parsed => $"members/remove?member={Uri.EscapeDataString(parsed.GetRequiredValue(removed))}"),
            List(),
        };
    }

    private static Command List()
    {
        Option<string> admin = CommonOptions.Admin();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("list", "Show who votes") { admin, json };
        command.SetAction(async (parsed, _) =>
        {
            using var client = new AdminClient(parsed.GetRequiredValue(admin), TimeSpan.FromSeconds(10));
            string text = await client.GetAsync("members").ConfigureAwait(false);
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json)) await output.WriteLineAsync(text).ConfigureAwait(false);
            else Print(output, JsonSerializer.Deserialize(text, AdminJson.Default.MembershipReport)!);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Print(TextWriter output, MembershipReport report)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (string column in new[] { "member", "role", "address" }) table.AddColumn(column);
        foreach (MembershipReport.Member member in report.Members) table.AddRow(Markup.Escape(member.Name), member.Role, member.Address ?? "[yellow]not configured here[/]");
        TerminalOutput.Over(output).Write(new Rows(table, new Text(string.Create(CultureInfo.InvariantCulture, $"view {report.Term}:{report.Number}; changed on {report.Primary ?? "nobody: the group's own service has no primary"}"))));
    }
}
