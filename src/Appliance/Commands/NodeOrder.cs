using System.CommandLine;
using Appliance.Admin;

namespace Appliance.Commands;

/// <summary>A verb that orders a running node to do one thing.</summary>
internal static class NodeOrder
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Makes the verb.</summary>
    /// <param name="verb">Its name.</param>
    /// <param name="description">For the help.</param>
    /// <param name="arguments">What it takes.</param>
    /// <param name="request">Path and query of the request to the admin page.</param>
    internal static Command Create(string verb, string description, Argument<string>[] arguments, Func<ParseResult, string> request)
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

    /// <summary>A verb about the node that is asked, named to be sure.</summary>
    internal static Command OfNode(string verb, string description)
    {
        Argument<string> node = new("NODE") { Description = "The node, which must be the one that is asked" };
        return Create(verb, description, [node], parsed => $"{verb}?node={Uri.EscapeDataString(parsed.GetRequiredValue(node))}");
    }
}
