using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>What the options of one TCP header say (RFC 9293 section 3.2, RFC 7323, RFC 2018). Of an option that occurs twice, the last counts.</summary>
internal struct TcpOptions
{
    /// <summary>SACK blocks of one header at most: four fit into forty bytes of options.</summary>
    public const int MaxSackBlocks = 4;

    private const byte End = 0, NoOperation = 1, MaximumSegmentSize = 2, WindowScale = 3, SackPermitted = 4, Sack = 5, Timestamps = 8;
    private const uint AlignedTimestamps = 0x0101_080a; // two no-operations, then timestamps: what nearly every segment has

    /// <summary>Largest segment that the sender takes.</summary>
    public ushort? SegmentSize;

    /// <summary>Shift of the sender's windows, as it stands in the option; more than 14 counts as 14.</summary>
    public byte? Scale;

    /// <summary>The sender takes selective acknowledgements.</summary>
    public bool PermitsSack;

    /// <summary>Timestamps are there.</summary>
    public bool HasTimestamps;

    /// <summary>The sender's clock, and the value of the other side that it echoes.</summary>
    public uint TimestampValue, TimestampEcho;

    /// <summary>Number of SACK blocks.</summary>
    public int SackBlocks;

    /// <summary>The list ends inside an option, or an option's length is impossible. What was read before that counts.</summary>
    public bool Malformed;

    /// <summary>Reads all options.</summary>
    public static TcpOptions Parse(ReadOnlySpan<byte> bytes)
    {
        var options = default(TcpOptions);
        if (bytes.Length == 12 && BinaryPrimitives.ReadUInt32BigEndian(bytes) == AlignedTimestamps)
        {
            options.ReadTimestamps(bytes[4..]);
            return options;
        }
        while (!bytes.IsEmpty && bytes[0] != End)
        {
            if (bytes[0] == NoOperation)
            {
                bytes = bytes[1..];
                continue;
            }
            if (bytes.Length < 2 || bytes[1] < 2 || bytes[1] > bytes.Length)
            {
                options.Malformed = true;
                return options;
            }
            options.Read(bytes[0], bytes[2..bytes[1]]);
            bytes = bytes[bytes[1]..];
        }
        return options;
    }

    private void Read(byte kind, ReadOnlySpan<byte> value)
    {
        switch (kind)
        {
            case MaximumSegmentSize when value.Length == 2: SegmentSize = BinaryPrimitives.ReadUInt16BigEndian(value); break;
            case WindowScale when value.Length == 1: Scale = value[0]; break;
            case SackPermitted when value.Length == 0: PermitsSack = true; break;
            case Timestamps when value.Length == 8: ReadTimestamps(value); break;
            case Sack when value.Length is > 0 and <= MaxSackBlocks * 8 && value.Length % 8 == 0: SackBlocks = value.Length / 8; break;
            case MaximumSegmentSize or WindowScale or SackPermitted or Timestamps or Sack: Malformed = true; break;
        }
    }

    private void ReadTimestamps(ReadOnlySpan<byte> value)
    {
        HasTimestamps = true;
        TimestampValue = BinaryPrimitives.ReadUInt32BigEndian(value);
        TimestampEcho = BinaryPrimitives.ReadUInt32BigEndian(value[4..]);
    }
}
