using System.Net;
using System.Text;
using Appliance.Interop;

namespace Appliance.Listeners.Http;

/// <summary>What this side says of a client in each of its requests.</summary>
internal static class HttpClientFields
{
    /// <summary>X-Forwarded-For and X-Forwarded-Proto, in full lines. IPv6 addresses without brackets, as servers expect them there.</summary>
    internal static byte[] Of(in SocketAddressBytes client)
    {
        IPAddress address = new(client.AddressBytes);
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return Encoding.ASCII.GetBytes($"X-Forwarded-For: {address}\r\nX-Forwarded-Proto: https\r\n");
    }
}
