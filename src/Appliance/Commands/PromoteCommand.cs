using System.CommandLine;

namespace Appliance.Commands;

/// <summary><c>appliance promote NODE SERVICE</c>, asked of the service's primary.</summary>
internal static class PromoteCommand
{
    internal static Command Create()
    {
        Argument<string> node = new("NODE") { Description = "The member that takes the service over" }, service = new("SERVICE") { Description = "The service" };
        return NodeOrder.Create("promote", "Hand a service over to another member; no acknowledged write is lost, none refused", [node, service],
            parsed => $"promote?service={Uri.EscapeDataString(parsed.GetRequiredValue(service))}&node={Uri.EscapeDataString(parsed.GetRequiredValue(node))}");
    }
}
