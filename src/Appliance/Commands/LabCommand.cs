using System.CommandLine;

namespace Appliance.Commands;

internal static class LabCommand
{
    internal static Command Create() => new("lab", "A group on this machine");
}
