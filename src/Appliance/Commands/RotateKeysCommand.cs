using System.CommandLine;

namespace Appliance.Commands;

/// <summary><c>appliance rotate-keys [SERVICE]</c>, asked of the service's primary.</summary>
internal static class RotateKeysCommand
{
    internal static Command Create()
    {
        Argument<string> service = new("SERVICE") { Description = "The service; may be left out where only one has TLS tickets", Arity = ArgumentArity.ZeroOrOne };
        return NodeOrder.Create("rotate-keys", "Make a new key for TLS session tickets; those under old keys are good until they end", [service],
            parsed => $"rotate-keys?service={Uri.EscapeDataString(parsed.GetValue(service) ?? "")}");
    }
}
