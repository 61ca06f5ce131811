using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Appliance.Multicast.Interop;

/// <summary>AES-256-GCM under one key: OpenSSL's EVP_CIPHER_CTX (libcrypto.so.3, EVP_EncryptInit(3ossl)). One thread at a time.</summary>
/// <remarks>
/// Why not <see cref="AesGcm"/>: that one throws for every forged datagram (2.6 us at the least, more the deeper the stack), and a flood of them would be the cheapest way to silence a node.
/// A nonce is set for each datagram, the key once. OpenSSL overwrites the key schedule with zeros when the context is freed (EVP_CIPHER_CTX_free).
/// </remarks>
internal sealed unsafe partial class AesGcmContext : SafeHandle
{
    private const string Library = "libcrypto.so.3";
    private const int Open = 0, Seal = 1;
    private const int GetTag = 0x10, SetTag = 0x11; // EVP_CTRL_AEAD_GET_TAG, EVP_CTRL_AEAD_SET_TAG
    private const int TagBytes = 16;

    /// <summary>What EVP_aes_256_gcm returns: static, never freed.</summary>
    private static readonly nint Aes256Gcm = EVP_aes_256_gcm();

    private AesGcmContext(nint context)
        : base(0, ownsHandle: true) => SetHandle(context);

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>A context for a key, which is copied into it.</summary>
    /// <param name="key">32 bytes.</param>
    /// <exception cref="CryptographicException">OpenSSL is out of memory or has no AES-256-GCM.</exception>
    internal static AesGcmContext Create(ReadOnlySpan<byte> key)
    {
        if (key.Length != 32) throw new ArgumentException($"an AES-256 key has 32 bytes, not {key.Length}", nameof(key));
        var context = new AesGcmContext(EVP_CIPHER_CTX_new());
        fixed (byte* bytes = key)
        {
            if (context.IsInvalid || EVP_CipherInit_ex(context.handle, Aes256Gcm, 0, bytes, null, Seal) != 1)
            {
                context.Dispose();
                throw new CryptographicException("OpenSSL cannot prepare AES-256-GCM");
            }
        }
        return context;
    }

    /// <summary>Seals a body in place.</summary>
    /// <param name="nonce">12 bytes; never twice under one key.</param>
    /// <param name="clear">Authenticated, not sealed.</param>
    /// <param name="body">Becomes the ciphertext.</param>
    /// <param name="tag">16 bytes; written.</param>
    /// <exception cref="CryptographicException">OpenSSL refuses.</exception>
    /// <exception cref="ObjectDisposedException">After <see cref="SafeHandle.Dispose()"/>.</exception>
    internal void Encrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> clear, Span<byte> body, Span<byte> tag)
    {
        bool held = false;
        try
        {
            DangerousAddRef(ref held);
            fixed (byte* tagBytes = tag)
            {
                if (!Run(Seal, nonce, clear, body, body, null) || EVP_CIPHER_CTX_ctrl(handle, GetTag, TagBytes, tagBytes) != 1)
                    throw new CryptographicException("OpenSSL cannot seal with AES-256-GCM");
            }
        }
        finally
        {
            if (held) DangerousRelease();
        }
    }

    /// <summary>Opens a body if its tag is right.</summary>
    /// <param name="nonce">12 bytes.</param>
    /// <param name="clear">Authenticated, not sealed.</param>
    /// <param name="body">Ciphertext.</param>
    /// <param name="tag">16 bytes.</param>
    /// <param name="destination">As long as the body; cleared when the tag is wrong.</param>
    /// <returns>Whether all of it is authentic.</returns>
    /// <exception cref="ObjectDisposedException">After <see cref="SafeHandle.Dispose()"/>.</exception>
    internal bool TryDecrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> clear, ReadOnlySpan<byte> body, ReadOnlySpan<byte> tag, Span<byte> destination)
    {
        bool held = false, authentic = false;
        try
        {
            DangerousAddRef(ref held);
            fixed (byte* tagBytes = tag)
                authentic = Run(Open, nonce, clear, body, destination, tagBytes);
        }
        finally
        {
            if (held) DangerousRelease();
        }
        if (!authentic) destination.Clear();
        return authentic;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        EVP_CIPHER_CTX_free(handle);
        return true;
    }

    private bool Run(int direction, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> clear, ReadOnlySpan<byte> body, Span<byte> destination, byte* expectedTag)
    {
        int written;
        byte rest;                                         // Final writes nothing in GCM
        fixed (byte* nonceBytes = nonce, clearBytes = clear, bodyBytes = body, destinationBytes = destination)
        {
            return EVP_CipherInit_ex(handle, 0, 0, null, nonceBytes, direction) == 1
                && (expectedTag == null || EVP_CIPHER_CTX_ctrl(handle, SetTag, TagBytes, expectedTag) == 1) // only once the direction is set
                && EVP_CipherUpdate(handle, null, &written, clearBytes, clear.Length) == 1
                && (body.IsEmpty || EVP_CipherUpdate(handle, destinationBytes, &written, bodyBytes, body.Length) == 1)
                && EVP_CipherFinal_ex(handle, &rest, &written) == 1;
        }
    }

    [LibraryImport(Library)]
    private static partial nint EVP_aes_256_gcm();

    [LibraryImport(Library)]
    private static partial nint EVP_CIPHER_CTX_new();

    [LibraryImport(Library)]
    private static partial void EVP_CIPHER_CTX_free(nint context);

    [LibraryImport(Library)]
    private static partial int EVP_CipherInit_ex(nint context, nint cipher, nint engine, byte* key, byte* nonce, int direction);

    [LibraryImport(Library)]
    private static partial int EVP_CipherUpdate(nint context, byte* output, int* written, byte* input, int length);

    [LibraryImport(Library)]
    private static partial int EVP_CipherFinal_ex(nint context, byte* output, int* written);

    [LibraryImport(Library)]
    private static partial int EVP_CIPHER_CTX_ctrl(nint context, int command, int number, byte* bytes);
}
