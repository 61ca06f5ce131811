namespace Appliance.TcpStateMirror.Packets;

/// <summary>Where an IP payload belongs in the whole datagram's (RFC 791, RFC 8200). The default: it is the whole.</summary>
/// <param name="Identification">Identifies the fragments of one datagram, with the addresses.</param>
/// <param name="Offset">In bytes.</param>
/// <param name="HasMore">Further fragments follow.</param>
internal readonly record struct FragmentPlace(uint Identification, int Offset, bool HasMore)
{
    /// <summary>The payload is a part of the datagram's alone. A fragment header does not make it one (atomic fragments, RFC 6946).</summary>
    public bool IsPart => Offset > 0 || HasMore;
}
