using System.Buffers.Binary;
using System.Net;
using Appliance.Cluster.Addresses;

namespace Appliance.Tests.Appliance.Cluster.Guard;

/// <summary>Ethernet frames as they pass a link.</summary>
internal static class TestFrames
{
    internal static readonly HardwareAddress Mac = new(0x02_00_00_00_00_01);

    internal static byte[] Ipv4(IPAddress source, IPAddress destination, byte protocol = 17)
    {
        byte[] frame = Ethernet(0x0800, 20 + 8);
        frame[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), 28);
        frame[22] = 64;
        frame[23] = protocol;
        source.TryWriteBytes(frame.AsSpan(26), out _);
        destination.TryWriteBytes(frame.AsSpan(30), out _);
        return frame;
    }

    internal static byte[] Ipv6(IPAddress source, IPAddress destination, byte nextHeader = 17)
    {
        byte[] frame = Ethernet(0x86dd, 40 + 8);
        frame[14] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), 8);
        frame[20] = nextHeader;
        frame[21] = 64;
        source.TryWriteBytes(frame.AsSpan(22), out _);
        destination.TryWriteBytes(frame.AsSpan(38), out _);
        return frame;
    }

    internal static byte[] Arp(ushort operation, IPAddress sender, IPAddress target)
    {
        byte[] frame = new byte[ArpFrame.FrameBytes];
        ArpFrame.WriteAnnouncement(frame, Mac, target, operation);
        sender.TryWriteBytes(frame.AsSpan(28), out _);
        return frame;
    }

    /// <summary>Type 135 or 136 about a target, between two addresses that are not it.</summary>
    internal static byte[] Neighbour(byte type, IPAddress target)
    {
        byte[] frame = new byte[NeighbourFrame.AdvertisementBytes];
        NeighbourFrame.WriteAdvertisement(frame, Mac, target, isRouter: false);
        IPAddress.Parse("fe80::1").TryWriteBytes(frame.AsSpan(22), out _);
        frame[NeighbourFrame.TypeOffset] = type;
        return frame;
    }

    /// <summary>The frame behind VLAN tags, outermost first.</summary>
    internal static byte[] Tagged(byte[] frame, params ushort[] tags)
    {
        byte[] tagged = new byte[frame.Length + 4 * tags.Length];
        frame.AsSpan(0, 12).CopyTo(tagged);
        for (int tag = 0; tag < tags.Length; tag++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(12 + 4 * tag), tags[tag]);
            BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(14 + 4 * tag), (ushort)(100 + tag));
        }
        frame.AsSpan(12).CopyTo(tagged.AsSpan(12 + 4 * tags.Length));
        return tagged;
    }

    private static byte[] Ethernet(ushort etherType, int payloadBytes)
    {
        byte[] frame = new byte[14 + payloadBytes];
        Mac.Write(frame);
        Mac.Write(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), etherType);
        return frame;
    }
}
