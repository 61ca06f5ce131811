using System.CommandLine;

namespace Appliance.Commands;

/// <summary><c>appliance accept-loss SERVICE --yes</c></summary>
internal static class AcceptLossCommand
{
    internal static Command Create()
    {
        Argument<string> service = new("SERVICE") { Description = "The service that waits" };
        Option<bool> yes = new("--yes") { Description = "I have looked at 'appliance status' and know for whom it waits" };
        Command command = NodeOrder.Create("accept-loss", "Let a service that waits for members (on-loss = wait) go on without the acknowledged writes that only they hold", [service],
            parsed => $"accept-loss?service={Uri.EscapeDataString(parsed.GetRequiredValue(service))}");
        command.Add(yes);
        command.Validators.Add(result =>
        {
            if (!result.GetValue(yes)) result.AddError("accept-loss gives up for ever what only absent members hold: see in 'appliance status' for whom the service waits, bring one of them back if you can, or else add --yes");
        });
        return command;
    }
}
