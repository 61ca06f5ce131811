namespace Appliance.Cluster.Addresses;

/// <summary>The kernel refused something about links or addresses; the message is one sentence.</summary>
internal sealed class NetworkSetupException : Exception
{
    internal NetworkSetupException(int errno, string message) : base(message) => ErrorNumber = errno;

    /// <summary>The errno behind it.</summary>
    internal int ErrorNumber { get; }
}
