using System.Globalization;
using System.Net.NetworkInformation;

namespace Appliance.Cluster.Addresses;

/// <summary>A 48-bit MAC address as a value: compared and kept without allocation.</summary>
/// <param name="Value">The six bytes, first byte highest.</param>
internal readonly record struct HardwareAddress(ulong Value)
{
    internal const int Bytes = 6;

    /// <summary>ff:ff:ff:ff:ff:ff.</summary>
    internal static readonly HardwareAddress Broadcast = new(0xffff_ffff_ffff);

    /// <summary>Reads six bytes.</summary>
    internal static HardwareAddress Read(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        foreach (byte part in bytes[..Bytes]) value = value << 8 | part;
        return new HardwareAddress(value);
    }

    /// <summary>From the framework's type.</summary>
    /// <exception cref="ArgumentException">It has not six bytes.</exception>
    internal static HardwareAddress From(PhysicalAddress address)
    {
        byte[] bytes = address.GetAddressBytes();
        return bytes.Length == Bytes ? Read(bytes) : throw new ArgumentException($"{address} is no Ethernet address", nameof(address));
    }

    internal void Write(Span<byte> destination)
    {
        for (int index = 0; index < Bytes; index++) destination[index] = (byte)(Value >> 40 - 8 * index);
    }

    /// <summary>aa:bb:cc:dd:ee:ff.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Value >> 40 & 255:x2}:{Value >> 32 & 255:x2}:{Value >> 24 & 255:x2}:{Value >> 16 & 255:x2}:{Value >> 8 & 255:x2}:{Value & 255:x2}");
}
