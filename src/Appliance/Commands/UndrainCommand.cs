using System.CommandLine;

namespace Appliance.Commands;

/// <summary><c>appliance undrain NODE</c></summary>
internal static class UndrainCommand
{
    internal static Command Create() => NodeOrder.OfNode("undrain", "Let a drained node take services again");
}
