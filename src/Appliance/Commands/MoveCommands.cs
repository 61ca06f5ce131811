using System.CommandLine;
using Appliance.Admin;

namespace Appliance.Commands;

/// <summary><c>appliance promote | drain | undrain</c>: planned moves of services.</summary>
internal static class MoveCommands
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary><c>appliance promote NODE SERVICE</c>, asked of the service's primary.</summary>
    internal static Command Promote()
    {
        Argument<string> node = new("NODE") { Description = "The member that takes the service over" }, service = new("SERVICE") { Description = "The service" };
        return Create("promote", "Hand a service over to another member; no acknowledged write is lost, none refused", [node, service],
            parsed => $"promote?service={Uri.EscapeDataString(parsed.GetRequiredValue(service))}&node={Uri.EscapeDataString(parsed.GetRequiredValue(node))}");
    }

    /// <summary><c>appliance drain NODE</c></summary>
    internal static Command Drain() => OfNode("drain", "Hand all services of a node over and let it take none, before it is upgraded or taken out");

    /// <summary><c>appliance undrain NODE</c></summary>
    internal static Command Undrain() => OfNode("undrain", "Let a drained node take services again");

    private static Command OfNode(string verb, string description)
    {
        Argument<string> node = new("NODE") { Description = "The node, which must be the one that is asked" };
        return Create(verb, description, [node], parsed => $"{verb}?node={Uri.EscapeDataString(parsed.GetRequiredValue(node))}");
    }

    private static Command Create(string verb, string description, Argument<string>[] arguments, Func<ParseResult, string> request)
    {
        Option<string> admin = CommonOptions.Admin();
        var command = new Command(verb, description) { admin };
        foreach (Argument<string> argument in arguments) command.Add(argument);
        command.SetAction(async (parsed, _) =>
        {
            using var client = new AdminClient(parsed.GetRequiredValue(admin), Patience);
            await parsed.InvocationConfiguration.Output.WriteAsync(await client.PostAsync(request(parsed)).ConfigureAwait(false)).ConfigureAwait(false);
            return ExitCode.Done;
        });
        return command;
    }
}
