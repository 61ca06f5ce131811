using System.CommandLine;
using System.Text.Json;
using Appliance.Admin;

namespace Appliance.Commands;

/// <summary><c>appliance get KEY</c>: one record as this node holds it, decoded by its kind.</summary>
internal static class GetCommand
{
    internal static Command Create()
    {
        var key = new Argument<string>("key") { Description = "The record's key" };
        var service = new Option<string?>("--service", "-s") { Description = "The record's service; may be left out when there is one only", HelpName = "NAME" };
        Option<string> admin = CommonOptions.Admin();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("get", "Show a record as a node holds it, decoded by its kind") { key, service, admin, json };
        command.SetAction(async (parsed, _) =>
        {
            using var client = new AdminClient(parsed.GetRequiredValue(admin), TimeSpan.FromSeconds(10));
            string? named = parsed.GetValue(service);
            string query = $"record?key={Uri.EscapeDataString(parsed.GetRequiredValue(key))}{(named is null ? "" : $"&service={Uri.EscapeDataString(named)}")}";
            string text = await client.GetAsync(query).ConfigureAwait(false);
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json))
            {
                await output.WriteLineAsync(text).ConfigureAwait(false);
                return ExitCode.Done;
            }
            using JsonDocument record = JsonDocument.Parse(text);
            Print(output, record.RootElement, "");
            return ExitCode.Done;
        });
        return command;
    }

    // A record is shallow: a purchase has items, an item has fields.
    private static void Print(TextWriter output, JsonElement element, string indent)
    {
        foreach (JsonProperty property in element.EnumerateObject())
        {
            switch (property.Value.ValueKind)
            {
                case JsonValueKind.Object:
                    output.WriteLine($"{indent}{property.Name}:");
                    Print(output, property.Value, indent + "  ");
                    break;
                case JsonValueKind.Array:
                    output.WriteLine($"{indent}{property.Name}:");
                    foreach (JsonElement item in property.Value.EnumerateArray())
                    {
                        if (item.ValueKind == JsonValueKind.Object) Print(output, item, indent + "  - ");
                        else output.WriteLine($"{indent}  - {item}");
                    }
                    break;
                default:
                    output.WriteLine($"{indent}{property.Name}: {property.Value}");
                    break;
            }
        }
    }
}
