using System.Buffers.Binary;
using System.Security.Cryptography;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Wire;

/// <summary>Seals or opens the datagrams of one life of one node under one group key. Rules P-10 to P-15. One thread per object.</summary>
/// <remarks>
/// Key: HKDF-SHA256(group key, salt of the life, "appliance multicast 1" | key id u16 | node u64 | incarnation u64).
/// Nonce, 12 bytes: <c>| type u32 | counter u64 |</c>. Every type counts for itself or shares a counter of one thread, so that the heartbeat thread,
/// with a cipher of its own, never repeats a nonce of the loop.
/// </remarks>
internal sealed class StreamCipher : IDisposable
{
    private readonly AesGcmContext _aes;

    public StreamCipher(ReadOnlySpan<byte> groupKey, ushort keyId, NodeId node, ulong incarnation, UInt128 salt)
    {
        KeyId = keyId;
        Span<byte> info = stackalloc byte[21 + 18];
        "appliance multicast 1"u8.CopyTo(info);
        BinaryPrimitives.WriteUInt16BigEndian(info[21..], keyId);
        BinaryPrimitives.WriteUInt64BigEndian(info[23..], node.Value);
        BinaryPrimitives.WriteUInt64BigEndian(info[31..], incarnation);
        Span<byte> saltBytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(saltBytes, salt);
        Span<byte> key = stackalloc byte[32];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, groupKey, key, saltBytes, info);
        try
        {
            _aes = AesGcmContext.Create(key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>The group key's number.</summary>
    public ushort KeyId { get; }

    /// <summary>Seals in place: the header is written, the body and its padding stand behind <paramref name="clearBytes"/>, room for the tag is at the end.</summary>
    public void Seal(Span<byte> datagram, int clearBytes)
    {
        Span<byte> nonce = stackalloc byte[12];
        WriteNonce(datagram, nonce);
        var body = datagram[clearBytes..^DatagramHeader.TagBytes];
        _aes.Encrypt(nonce, datagram[..clearBytes], body, datagram[^DatagramHeader.TagBytes..]);
    }

    /// <summary>Opens into <paramref name="destination"/>, which is cleared when the tag does not match.</summary>
    /// <param name="datagram">Stays untouched.</param>
    /// <param name="clearBytes">Bytes before the body.</param>
    /// <param name="destination">As long as the sealed part.</param>
    public bool TryOpen(ReadOnlySpan<byte> datagram, int clearBytes, Span<byte> destination)
    {
        Span<byte> nonce = stackalloc byte[12];
        WriteNonce(datagram, nonce);
        return _aes.TryDecrypt(nonce, datagram[..clearBytes], datagram[clearBytes..^DatagramHeader.TagBytes], datagram[^DatagramHeader.TagBytes..], destination);
    }

    public void Dispose() => _aes.Dispose();

    private static void WriteNonce(ReadOnlySpan<byte> datagram, Span<byte> nonce)
    {
        BinaryPrimitives.WriteUInt32BigEndian(nonce, datagram[1]);
        datagram.Slice(24, 8).CopyTo(nonce[4..]);
    }
}
