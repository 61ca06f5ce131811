using Appliance.Interop;

namespace Appliance.Listeners.Connections;

/// <summary>
/// One end of a relayed connection, with or without TLS: received from and sent to without waiting, each direction ended by itself. Whoever writes waits
/// for <see cref="PendingBytes"/> to become 0 first. Loop thread only.
/// </summary>
internal unsafe interface IConnection
{
    /// <summary>There may be something to receive, the end or an error included.</summary>
    bool IsReadable { get; }

    /// <summary>The peer has ended its direction, and everything before it was received.</summary>
    bool InputEnded { get; }

    /// <summary>The end of this direction was sent behind everything that was written.</summary>
    bool OutputEnded { get; }

    /// <summary>The connection did not end in order: RST, a peer that does not answer, broken TLS.</summary>
    bool HasFailed { get; }

    /// <summary>Bytes written that the kernel has not taken.</summary>
    int PendingBytes { get; }

    /// <summary>Bytes received so far, those of TLS included.</summary>
    long BytesReceived { get; }

    /// <summary>Bytes that the kernel has taken so far, those of TLS included.</summary>
    long BytesSent { get; }

    /// <summary>Receives at most so many bytes to <see cref="ConnectionMemory.Input"/>.</summary>
    /// <returns>Bytes; 0 at the end of the input; <c>-</c><see cref="Sockets.TryAgain"/> when nothing is there; or minus the errno that ended the connection.</returns>
    int Receive(int maxBytes);

    /// <summary>Receives to elsewhere. The same answers.</summary>
    int Receive(byte* destination, int maxBytes);

    /// <summary>Sends bytes, and keeps what the kernel does not take.</summary>
    /// <returns>False when the connection has failed.</returns>
    bool Write(ReadOnlySpan<byte> bytes);

    /// <summary>Sends what is pending, as far as the kernel takes it, and then the end if it was asked for.</summary>
    /// <returns>False when the connection has failed.</returns>
    bool Flush();

    /// <summary>Ends this direction behind everything that was written, now or as soon as it has left. Receiving goes on.</summary>
    /// <returns>False when the connection has failed.</returns>
    bool EndOutput();

    /// <summary>Closes the socket. What the kernel has taken it still delivers.</summary>
    void Close();

    /// <summary>Closes the socket with RST.</summary>
    void Reset();
}
