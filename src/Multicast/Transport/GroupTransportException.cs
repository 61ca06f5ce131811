namespace Appliance.Multicast.Transport;

/// <summary>The group's transport cannot start as configured. The message is one sentence for an operator: what is wrong and what to change.</summary>
public sealed class GroupTransportException : Exception
{
    /// <summary>Creates the exception.</summary>
    public GroupTransportException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with what caused it.</summary>
    public GroupTransportException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
