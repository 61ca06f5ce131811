namespace Appliance.Tests.Simulation.Oracle;

/// <summary>What must hold did not: the reason to stop a run and print its seed.</summary>
internal sealed class InvariantViolation : Exception
{
    internal InvariantViolation(string message)
        : base(message)
    {
    }
}
