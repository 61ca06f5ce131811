namespace Appliance.Host;

/// <summary>A node cannot start, for a reason that its operator can mend.</summary>
internal sealed class NodeStartException : Exception
{
    internal NodeStartException(string message)
        : base(message)
    {
    }

    internal NodeStartException(string message, Exception cause)
        : base(message, cause)
    {
    }
}
