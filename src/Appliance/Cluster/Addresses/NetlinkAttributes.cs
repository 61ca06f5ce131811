using System.Runtime.InteropServices;

namespace Appliance.Cluster.Addresses;

/// <summary>Walks attributes of an rtnetlink message; what does not fit its frame ends the walk.</summary>
internal ref struct NetlinkAttributes
{
    private const int HeaderBytes = 4;
    private const ushort TypeMask = 0x3fff;                // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
    private ReadOnlySpan<byte> _rest;

    internal NetlinkAttributes(ReadOnlySpan<byte> bytes) => _rest = bytes;

    internal ushort Type { get; private set; }

    internal ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>The value of a 32-bit attribute; 0 when it is shorter.</summary>
    internal readonly uint UInt32 => Value.Length >= sizeof(uint) ? MemoryMarshal.Read<uint>(Value) : 0;

    /// <summary>The value of a text attribute, without its closing zero.</summary>
    internal readonly string Text => System.Text.Encoding.UTF8.GetString(Value.TrimEnd((byte)0));

    internal bool MoveNext()
    {
        if (_rest.Length < HeaderBytes) return false;
        int length = MemoryMarshal.Read<ushort>(_rest);
        if (length < HeaderBytes || length > _rest.Length) return false;
        Type = (ushort)(MemoryMarshal.Read<ushort>(_rest[2..]) & TypeMask);
        Value = _rest[HeaderBytes..length];
        _rest = _rest[Math.Min(length + 3 & ~3, _rest.Length)..];
        return true;
    }
}
