using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Appliance.Cluster.Addresses;

/// <summary>Writes rtnetlink messages one after the other into a buffer (uapi/linux/netlink.h, struct nlmsghdr and nlattr; host byte order, padded to four bytes).</summary>
/// <remarks>
/// <code>
///  0        4      6       8          12     16
///  | length | type | flags | sequence | port | family header, attributes: length u16, type u16, value ...
/// </code>
/// </remarks>
internal ref struct NetlinkWriter
{
    internal const int HeaderBytes = 16;
    internal const ushort Request = 0x01, Acknowledge = 0x04, Replace = 0x100, Exclusive = 0x200, Dump = 0x300, Create = 0x400;
    private readonly Span<byte> _buffer;
    private int _message;

    internal NetlinkWriter(Span<byte> buffer) => _buffer = buffer;

    /// <summary>Bytes written so far.</summary>
    internal int Length { get; private set; }

    /// <summary>Messages written so far.</summary>
    internal int Messages { get; private set; }

    /// <summary>Starts a message; sequence numbers are set by the socket when it is sent.</summary>
    internal void Begin(ushort type, ushort flags)
    {
        _message = Length;
        Messages++;
        Put(0u);
        Put(type);
        Put((ushort)(flags | Request));
        Put(0u);
        Put(0u);
    }

    /// <summary>Ends the message: its length is known now.</summary>
    internal readonly void End() => MemoryMarshal.Write(_buffer[_message..], (uint)(Length - _message));

    internal void Put<T>(T value) where T : unmanaged
    {
        MemoryMarshal.Write(_buffer[Length..], in value);
        Length += Unsafe.SizeOf<T>();
    }

    internal void Attribute(ushort type, scoped ReadOnlySpan<byte> value)
    {
        Put((ushort)(4 + value.Length));
        Put(type);
        value.CopyTo(_buffer[Length..]);
        int padded = value.Length + 3 & ~3;
        _buffer.Slice(Length + value.Length, padded - value.Length).Clear();
        Length += padded;
    }

    internal void Attribute(ushort type, uint value)
    {
        Put((ushort)8);
        Put(type);
        Put(value);
    }

    /// <summary>A string with its closing zero.</summary>
    internal void Attribute(ushort type, string value) => Attribute(type, Encoding.UTF8.GetBytes(value + '\0'));

    /// <summary>Opens an attribute that holds attributes.</summary>
    /// <returns>Where it begins, for <see cref="EndNested"/>.</returns>
    internal int BeginNested(ushort type)
    {
        int start = Length;
        Put((ushort)0);
        Put(type);
        return start;
    }

    internal readonly void EndNested(int start) => MemoryMarshal.Write(_buffer[start..], (ushort)(Length - start));
}
