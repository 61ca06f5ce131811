using System.Runtime.InteropServices;

namespace Appliance.Listeners.Tls;

/// <summary>Where OpenSSL writes records until they are sent together: four of them cost one call into the kernel. One thread.</summary>
internal sealed unsafe class TlsOutput : IDisposable
{
    /// <summary>
    /// Most clear bytes between two sends. With what TLS adds to four records (at most 85 bytes each, RFC 5246, 6.2.3.2 with CBC and SHA-384) they fit into a block of 64 KiB.
    /// </summary>
    internal const int ClearBytes = 63 << 10;

    /// <summary>Bytes that fit.</summary>
    internal const int CapacityBytes = 64 << 10;

    /// <summary>First byte.</summary>
    internal byte* Start { get; private set; } = (byte*)NativeMemory.AlignedAlloc(CapacityBytes, 4096);

    /// <summary>Bytes written.</summary>
    internal int Bytes { get; set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(Start);
        Start = null;
    }
}
