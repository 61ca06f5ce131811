using System.Buffers.Binary;
using Appliance.Multicast;

namespace Appliance.State;

/// <summary>The primary hands a service over: it has written its last, and the target has applied it.</summary>
/// <remarks>
/// <code>
///  0      1       4            8          16            24
///  | type | 0 0 0 | service id | last     | target node | next term |
/// </code>
/// Integers are big-endian. The primary writes nothing after the version <c>last</c> in its term.
/// </remarks>
internal static class HandOverMessage
{
    internal const int Bytes = 32;

    /// <summary>Writes the message.</summary>
    internal static int Write(Span<byte> destination, ServiceId service, RecordVersion last, NodeId target, ulong nextTerm)
    {
        ControlHeader.Write(destination, MessageType.HandOver, service, last);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], target.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], nextTerm);
        return Bytes;
    }

    /// <summary>Reads the message.</summary>
    internal static RecordParseResult TryParse(ReadOnlySpan<byte> bytes, out ServiceId service, out RecordVersion last, out NodeId target, out ulong nextTerm)
    {
        target = NodeId.None;
        nextTerm = 0;
        RecordParseResult result = ControlHeader.TryParse(bytes, MessageType.HandOver, out service, out last);
        if (result != RecordParseResult.Ok) return result;
        if (bytes.Length != Bytes) return bytes.Length < Bytes ? RecordParseResult.Truncated : RecordParseResult.TrailingBytes;
        target = new NodeId(BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]));
        nextTerm = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
        return nextTerm <= last.Term || nextTerm > RecordVersion.MaxTerm ? RecordParseResult.BadNumber : RecordParseResult.Ok;
    }
}
