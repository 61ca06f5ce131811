using System.Buffers.Binary;
using Appliance.Multicast.Transport;

namespace Appliance.Tests.Multicast.Transport;

public sealed class LinkMessagesTests
{
    private const uint Carrying = 0x10001, NoCarrier = 0x1;

    [Fact]
    public void Carrier_and_MTU_of_each_link_are_read()
    {
        byte[] block = [.. Message(16, 3, Carrying, mtu: 9000), .. Message(24, 0, 0, mtu: 1), .. Message(16, 4, NoCarrier, mtu: null), .. Message(17, 5, Carrying, mtu: 1500)];
        Assert.Equal([new(3, true, 9000), new(4, false, 0), new(5, false, 1500)], ReadAll(block));
    }

    [Fact]
    public void Every_prefix_is_read_without_harm()
    {
        byte[] block = [.. Message(16, 3, Carrying, mtu: 9000), .. Message(16, 4, NoCarrier, mtu: 1400)];
        for (int length = 0; length < block.Length; length++) Assert.True(ReadAll(block.AsSpan(0, length)).Count <= 1);
    }

    [Fact]
    public void Any_bytes_are_read_without_harm()
    {
        var random = new Random(3);
        byte[] block = [.. Message(16, 3, Carrying, mtu: 9000), .. Message(16, 4, NoCarrier, mtu: 1400)];
        int states = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] changed = [.. block];
            for (int change = random.Next(1, 5); change > 0; change--) changed[random.Next(changed.Length)] = (byte)random.Next(256);
            states += ReadAll(changed).Count;
        }
        Assert.True(states > 20_000, $"{states} of 40,000 messages: the changes hardly reach what is behind the first header");
    }

    private static List<LinkState> ReadAll(ReadOnlySpan<byte> block)
    {
        List<LinkState> states = [];
        while (LinkMessages.TryRead(ref block, out LinkState state)) states.Add(state);
        return states;
    }

    private static byte[] Message(ushort type, int index, uint flags, int? mtu)
    {
        byte[] name = [9, 0, 3, 0, (byte)'e', (byte)'t', (byte)'h', (byte)'0', 0, 0, 0, 0]; // IFLA_IFNAME, padded
        byte[] message = new byte[32 + name.Length + (mtu is null ? 0 : 8)];
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(4), type);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(20), index);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(24), flags);
        name.CopyTo(message, 32);
        if (mtu is not { } value) return message;
        Span<byte> attribute = message.AsSpan(32 + name.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(attribute, 8);
        BinaryPrimitives.WriteUInt16LittleEndian(attribute[2..], 4); // IFLA_MTU
        BinaryPrimitives.WriteInt32LittleEndian(attribute[4..], value);
        return message;
    }
}
