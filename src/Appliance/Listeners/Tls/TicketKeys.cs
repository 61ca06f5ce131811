using Appliance.Interop;
using Appliance.State;

namespace Appliance.Listeners.Tls;

/// <summary>The keys that seal and open session tickets on this node, oldest first, in memory for secrets. Immutable; the loop of the handshakes.</summary>
internal sealed unsafe class TicketKeys : IDisposable
{
    private const int NameBytes = 16, AesBytes = 32, HmacBytes = 32;
    private readonly SecretMemory _secrets;
    private readonly int _count;
    private readonly int _sealing;

    private TicketKeys(SecretMemory secrets, int count, int sealing, uint epoch)
    {
        _secrets = secrets;
        _count = count;
        _sealing = sealing;
        Epoch = epoch;
    }

    /// <summary>The number of the key that seals; 0 for one that no other node has.</summary>
    internal uint Epoch { get; }

    /// <summary>A key of this node alone, until those of the service are there.</summary>
    internal static TicketKeys Random()
    {
        var secrets = new SecretMemory(TicketKeysView.SecretBytes);
        if (OpenSsl.RAND_bytes(secrets.Start, secrets.Bytes) != 1) throw OpenSslException.Take("cannot make a ticket key");
        return new TicketKeys(secrets, 1, 0, 0);
    }

    /// <summary>The keys of a record.</summary>
    /// <param name="view">The record's value.</param>
    /// <param name="sealing">Which of them seals.</param>
    internal static TicketKeys Copy(in TicketKeysView view, int sealing)
    {
        var secrets = new SecretMemory(view.Count * TicketKeysView.SecretBytes);
        for (int i = 0; i < view.Count; i++) view.Secret(i).CopyTo(secrets.Span[(i * TicketKeysView.SecretBytes)..]);
        return new TicketKeys(secrets, view.Count, sealing, view.Epoch(sealing));
    }

    /// <summary>Prepares sealing a ticket (SSL_CTX_set_tlsext_ticket_key_evp_cb(3ossl)).</summary>
    /// <returns>What the callback answers: 1, or -1 for an error.</returns>
    internal int Seal(byte* name, byte* vector, nint cipher, nint mac)
    {
        byte* key = KeyAt(_sealing);
        new ReadOnlySpan<byte>(key, NameBytes).CopyTo(new Span<byte>(name, NameBytes));
        if (OpenSsl.RAND_bytes(vector, NameBytes) != 1) return -1;
        return OpenSsl.EVP_EncryptInit_ex(cipher, OpenSsl.EVP_aes_256_cbc(), 0, key + NameBytes, vector) == 1 && Authenticate(key, mac) ? 1 : -1;
    }

    /// <summary>Prepares opening a ticket.</summary>
    /// <returns>What the callback answers: 1, 2 when the client should get a new one, 0 when no key fits, -1 for an error.</returns>
    internal int Open(byte* name, byte* vector, nint cipher, nint mac)
    {
        for (int i = _count - 1; i >= 0; i--)
        {
            byte* key = KeyAt(i);
            if (!new ReadOnlySpan<byte>(key, NameBytes).SequenceEqual(new ReadOnlySpan<byte>(name, NameBytes))) continue;
            if (OpenSsl.EVP_DecryptInit_ex(cipher, OpenSsl.EVP_aes_256_cbc(), 0, key + NameBytes, vector) != 1 || !Authenticate(key, mac)) return -1;
            return i == _sealing ? 1 : 2;
        }
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _secrets.Dispose();

    private static bool Authenticate(byte* key, nint mac)
    {
        fixed (byte* digest = "digest\0"u8, sha256 = "SHA256\0"u8)
        {
            OpenSslParameter* parameters = stackalloc OpenSslParameter[2];
            parameters[0] = OpenSslParameter.Text(digest, sha256, 6);
            parameters[1] = default;
            return OpenSsl.EVP_MAC_init(mac, key + NameBytes + AesBytes, HmacBytes, parameters) == 1;
        }
    }

    private byte* KeyAt(int index) => _secrets.Start + index * TicketKeysView.SecretBytes;
}
