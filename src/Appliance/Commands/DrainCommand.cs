using System.CommandLine;

namespace Appliance.Commands;

/// <summary><c>appliance drain NODE</c></summary>
internal static class DrainCommand
{
    internal static Command Create() => NodeOrder.OfNode("drain", "Hand all services of a node over and let it take none, before it is upgraded or taken out");
}
