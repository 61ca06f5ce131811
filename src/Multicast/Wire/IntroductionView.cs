using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Appliance.Multicast.Wire;

/// <summary>How a node introduces itself: the body of a JOIN and the end of a SETUP. Rules P-30 to P-39.</summary>
/// <remarks>
/// <code>
///  0       8          12    13    14     15            16               20                  24      28         48     48+n
///  | nonce | features | min | max | role | name length | datagram bytes | max message bytes | window | sync end point | name | extensions
///  extension: | type u8, bit 7 = critical | length u8 | bytes |
/// </code>
/// min and max: the wire versions spoken. An unknown extension is skipped, an unknown critical one refuses the node (P-05).
/// </remarks>
internal readonly ref struct IntroductionView
{
    public const int MaxBytes = HeaderBytes + NodeId.MaxNameLength + 64;
    private const int HeaderBytes = 48;
    private const byte CriticalBit = 0x80;
    private readonly ReadOnlySpan<byte> _body;

    private IntroductionView(ReadOnlySpan<byte> body, int ignoredExtensions, bool hasUnknownCritical)
    {
        _body = body;
        IgnoredExtensions = ignoredExtensions;
        HasUnknownCritical = hasUnknownCritical;
    }

    /// <summary>What a SETUP to this node must echo.</summary>
    public ulong Nonce => BinaryPrimitives.ReadUInt64BigEndian(_body);

    /// <summary>Feature bits; none is defined in versions 1 and 2.</summary>
    public uint Features => BinaryPrimitives.ReadUInt32BigEndian(_body[8..]);
    public byte MinVersion => _body[12];
    public byte MaxVersion => _body[13];
    public MemberRole Role => (MemberRole)_body[14];
    public int DatagramBytes => BinaryPrimitives.ReadInt32BigEndian(_body[16..]);
    public int MaxMessageBytes => BinaryPrimitives.ReadInt32BigEndian(_body[20..]);

    /// <summary>Datagrams the node's socket buffer holds.</summary>
    public uint Window => BinaryPrimitives.ReadUInt32BigEndian(_body[24..]);
    public IPEndPoint? SynchronisationEndPoint => EndPointField.Read(_body.Slice(28, EndPointField.Bytes));
    public string Name => Encoding.ASCII.GetString(NameBytes);
    public ReadOnlySpan<byte> NameBytes => _body.Slice(HeaderBytes, _body[15]);

    /// <summary>Unknown extensions that were skipped.</summary>
    public int IgnoredExtensions { get; }

    /// <summary>The node insists on something that is unknown here.</summary>
    public bool HasUnknownCritical { get; }

    /// <summary>Validates everything once.</summary>
    public static DropReason TryParse(ReadOnlySpan<byte> body, out IntroductionView view)
    {
        view = default;
        if (body.Length < HeaderBytes || body.Length < HeaderBytes + body[15]) return DropReason.Truncated;
        if (body[15] is 0 or > NodeId.MaxNameLength || body[12] == 0 || body[13] < body[12] || body[14] > (byte)MemberRole.Witness
            || !EndPointField.IsWellFormed(body[28..])) return DropReason.Malformed;
        foreach (byte c in body.Slice(HeaderBytes, body[15]))
        {
            if (!char.IsAsciiLetterLower((char)c) && !char.IsAsciiDigit((char)c) && c is not ((byte)'-' or (byte)'_' or (byte)'.')) return DropReason.Malformed;
        }

        int ignored = 0;
        bool critical = false;
        var rest = body[(HeaderBytes + body[15])..];
        while (!rest.IsEmpty)
        {
            if (rest.Length < 2 || rest.Length < 2 + rest[1]) return DropReason.Truncated;
            if ((rest[0] & CriticalBit) != 0) critical = true;
            else ignored++;
            rest = rest[(2 + rest[1])..];
        }
        view = new IntroductionView(body, ignored, critical);
        return DropReason.None;
    }

    /// <summary>Writes an introduction.</summary>
    /// <param name="destination">At least <see cref="MaxBytes"/> long.</param>
    /// <param name="introduction">What it says.</param>
    /// <returns>Its length.</returns>
    public static int Write(Span<byte> destination, Introduction introduction)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, introduction.Nonce);
        BinaryPrimitives.WriteUInt32BigEndian(destination[8..], introduction.Features);
        destination[12] = introduction.MinVersion;
        destination[13] = introduction.MaxVersion;
        destination[14] = (byte)introduction.Role;
        destination[15] = (byte)introduction.Name.Length;
        BinaryPrimitives.WriteInt32BigEndian(destination[16..], introduction.DatagramBytes);
        BinaryPrimitives.WriteInt32BigEndian(destination[20..], introduction.MaxMessageBytes);
        BinaryPrimitives.WriteUInt32BigEndian(destination[24..], introduction.Window);
        EndPointField.Write(destination[28..], introduction.SynchronisationEndPoint);
        int length = HeaderBytes + Encoding.ASCII.GetBytes(introduction.Name, destination[HeaderBytes..]);
#if WIRE_VERSION_NEXT
        ReadOnlySpan<byte> extension = [1, 4, (byte)'n', (byte)'e', (byte)'x', (byte)'t'];   // version 2 adds it; version 1 skips it
        extension.CopyTo(destination[length..]);
        length += extension.Length;
#endif
        return length;
    }
}

/// <summary>What a node says of itself in JOIN and SETUP; see <see cref="IntroductionView"/>.</summary>
internal sealed record Introduction(ulong Nonce, uint Features, byte MinVersion, byte MaxVersion, MemberRole Role, int DatagramBytes, int MaxMessageBytes,
    uint Window, IPEndPoint? SynchronisationEndPoint, string Name);
