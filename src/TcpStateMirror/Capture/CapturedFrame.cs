using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Capture;

/// <summary>A frame as it was captured. Valid during the call that hands it over.</summary>
public readonly ref struct CapturedFrame
{
    /// <param name="nanoseconds">When, since 1970 UTC.</param>
    /// <param name="link">What the bytes begin with.</param>
    /// <param name="originalBytes">The frame's length on the wire.</param>
    /// <param name="bytes">What was captured of it.</param>
    public CapturedFrame(long nanoseconds, LinkType link, int originalBytes, ReadOnlySpan<byte> bytes)
    {
        Nanoseconds = nanoseconds;
        Link = link;
        OriginalBytes = originalBytes;
        Bytes = bytes;
    }

    /// <summary>When it was captured, ns since 1970 UTC.</summary>
    public long Nanoseconds { get; }

    /// <summary>What the bytes begin with.</summary>
    public LinkType Link { get; }

    /// <summary>The frame's length on the wire.</summary>
    public int OriginalBytes { get; }

    /// <summary>What was captured of it.</summary>
    public ReadOnlySpan<byte> Bytes { get; }
}

/// <summary>Takes frames.</summary>
public interface IFrameHandler
{
    /// <summary>Takes one frame; it is valid during the call only.</summary>
    void OnFrame(scoped in CapturedFrame frame);
}

/// <summary>Where frames come from: a file or an interface. Not thread-safe.</summary>
public interface IPacketSource : IDisposable
{
    /// <summary>Hands over the frames that are there.</summary>
    /// <param name="handler">Takes them; in order of capture.</param>
    /// <returns>False when there will be no more.</returns>
    /// <exception cref="CaptureException">The input cannot be read further.</exception>
    bool Read<THandler>(THandler handler) where THandler : IFrameHandler;
}

/// <summary>A capture cannot be opened or read, for a reason that its user can mend.</summary>
/// <param name="message">One sentence.</param>
public sealed class CaptureException(string message) : Exception(message);
