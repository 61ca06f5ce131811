namespace Appliance.Multicast.Transport;

/// <summary>How many datagrams a socket's receive buffer holds.</summary>
internal static class SocketWindow
{
    /// <summary>What the kernel accounts for a datagram beside its bytes: sk_buff, shared info and rounding of the data to its slab.</summary>
    private const int OverheadBytes = 1600;

    /// <summary>6 MB of payload: what lies in flight beyond it only grows the delay.</summary>
    private const int Most = 4096;

    /// <summary>One run: with less the sender could not use segmentation offload.</summary>
    private const int Least = 64;

    /// <param name="grantedBytes">As getsockopt(SO_RCVBUF) tells it: the kernel's own account.</param>
    /// <param name="datagramBytes">Payload of a full datagram.</param>
    internal static int Datagrams(int grantedBytes, int datagramBytes) => Math.Clamp(grantedBytes / (datagramBytes + OverheadBytes), Least, Most);
}
