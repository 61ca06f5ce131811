using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>The body of a NewSessionTicket of TLS 1.2 (RFC 5077 section 3.3); that of TLS 1.3 is encrypted.</summary>
/// <remarks>
/// <code>
///  0               4             6
///  | lifetime hint | ticket size | ticket
/// </code>
/// </remarks>
internal readonly ref struct NewSessionTicketView
{
    private const int HeaderBytes = 6;

    private NewSessionTicketView(uint lifetimeSeconds, ReadOnlySpan<byte> ticket)
    {
        LifetimeSeconds = lifetimeSeconds;
        Ticket = ticket;
    }

    /// <summary>For how long the client may keep it, in seconds; 0: it is not said.</summary>
    public uint LifetimeSeconds { get; }

    /// <summary>The ticket; empty when the server has none after all.</summary>
    public ReadOnlySpan<byte> Ticket { get; }

    /// <summary>Validates everything once.</summary>
    public static bool TryParse(ReadOnlySpan<byte> body, out NewSessionTicketView view)
    {
        view = default;
        if (body.Length < HeaderBytes || BinaryPrimitives.ReadUInt16BigEndian(body[4..]) != body.Length - HeaderBytes) return false;
        view = new NewSessionTicketView(BinaryPrimitives.ReadUInt32BigEndian(body), body[HeaderBytes..]);
        return true;
    }
}
