namespace Appliance.TcpStateMirror.Takeover;

/// <summary>This host cannot hold, record or restore connections; the message is one sentence that says what is missing.</summary>
public sealed class TakeoverSetupException : Exception
{
    /// <param name="message">What is missing, where, and what to do.</param>
    public TakeoverSetupException(string message)
        : base(message)
    {
    }
}
