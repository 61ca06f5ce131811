using System.Text;
using Appliance.State;

namespace Appliance.Listeners.Tls;

/// <summary>
/// Identities that were logged out: a record <c>auth:revoked:IDENTITY</c> of the service refuses them at every node, with a full handshake as with a resumed session
/// (A7). Written like any other key, so its acknowledgement is that of its class. Any thread, lock-free.
/// </summary>
internal sealed class TlsRevocations(StateTable table)
{
    private const string Prefix = "auth:revoked:";

    private const int MostOnStack = 512;

    /// <summary>The identity is revoked now.</summary>
    /// <param name="identity">In UTF-8; an empty one is never revoked.</param>
    /// <param name="nowMilliseconds">Wall time.</param>
    internal bool Contains(ReadOnlySpan<byte> identity, long nowMilliseconds)
    {
        if (identity.IsEmpty) return false;
        int bytes = Prefix.Length + identity.Length;
        Span<byte> key = bytes <= MostOnStack ? stackalloc byte[MostOnStack] : new byte[bytes];
        key = key[..bytes];
        Encoding.ASCII.GetBytes(Prefix, key);
        identity.CopyTo(key[Prefix.Length..]);
        return table.TryGet(key, table.Hash(key), [], out RecordHeader header, out _) && !RecordTables.IsHidden(header)
            && (header.ExpiryMilliseconds == 0 || header.ExpiryMilliseconds > nowMilliseconds);
    }
}
