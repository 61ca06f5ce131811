using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Appliance.Multicast.Transport;

/// <summary>What a frame of a <see cref="SealedConnection"/> is.</summary>
internal enum FrameType : byte
{
    /// <summary>Bytes of the user.</summary>
    Data = 0,

    /// <summary>The first frame of each end: proves that it has the key.</summary>
    Finished = 1,

    /// <summary>The sender sends no more: tells an end from a cut.</summary>
    End = 2,
}

/// <summary>Seals or opens the frames of one direction of a connection.</summary>
/// <remarks>
/// <code>
///  0                                4          4+n     4+n+16
///  | type: 4 bits, length n: 28 bits | payload | tag  |
/// </code>
/// Big-endian. AES-256-GCM, the four header bytes authenticated, nonce = frame counter of this direction; without a key neither tag nor secrecy.
/// The key belongs to one direction of one connection (both nonces are in it), so that a counter never repeats under a key and nothing can be replayed.
/// </remarks>
internal sealed class SealedFrames : IDisposable
{
    internal const int HeaderBytes = 4;
    internal const int TagBytes = 16;
    private const int NonceBytes = 12;
    private readonly AesGcm? _cipher;
    private ulong _counter;

    /// <param name="key">32 bytes; empty when nothing is sealed.</param>
    internal SealedFrames(ReadOnlySpan<byte> key) => _cipher = key.IsEmpty ? null : new AesGcm(key, TagBytes);

    /// <summary>Bytes of a frame beside its payload.</summary>
    internal int OverheadBytes => HeaderBytes + (_cipher is null ? 0 : TagBytes);

    internal static FrameType TypeOf(uint header) => (FrameType)(header >> 28);

    internal static int LengthOf(uint header) => (int)(header & 0x0FFF_FFFF);

    /// <summary>Writes a frame.</summary>
    /// <returns>Its length.</returns>
    internal int Seal(FrameType type, ReadOnlySpan<byte> payload, Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)type << 28 | (uint)payload.Length);
        Span<byte> body = destination.Slice(HeaderBytes, payload.Length);
        if (_cipher is null)
        {
            payload.CopyTo(body);
            return HeaderBytes + payload.Length;
        }
        Span<byte> nonce = stackalloc byte[NonceBytes];
        NextNonce(nonce);
        _cipher.Encrypt(nonce, payload, body, destination.Slice(HeaderBytes + payload.Length, TagBytes), destination[..HeaderBytes]);
        return HeaderBytes + payload.Length + TagBytes;
    }

    /// <summary>Opens a whole frame.</summary>
    /// <param name="frame">Header, payload and tag.</param>
    /// <param name="destination">At least as long as the payload.</param>
    /// <returns>False when it is not what the peer sealed next.</returns>
    internal bool TryOpen(ReadOnlySpan<byte> frame, Span<byte> destination)
    {
        int length = frame.Length - OverheadBytes;
        ReadOnlySpan<byte> body = frame.Slice(HeaderBytes, length);
        if (_cipher is null)
        {
            body.CopyTo(destination);
            return true;
        }
        Span<byte> nonce = stackalloc byte[NonceBytes];
        NextNonce(nonce);
        try
        {
            _cipher.Decrypt(nonce, body, frame[^TagBytes..], destination[..length], frame[..HeaderBytes]);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false; // the framework has no other way to say it; it ends the connection, so it is rare
        }
    }

    public void Dispose() => _cipher?.Dispose();

    private void NextNonce(Span<byte> nonce)
    {
        nonce.Clear();
        BinaryPrimitives.WriteUInt64BigEndian(nonce[4..], _counter++);
    }
}
