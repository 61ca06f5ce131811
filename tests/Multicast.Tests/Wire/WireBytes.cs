using System.Net;
using System.Text;
using Appliance.Multicast;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Wire;

/// <summary>Well-formed bodies and datagrams for the wire tests.</summary>
internal static class WireBytes
{
    public static readonly NodeId Node = NodeId.FromName("a");
    public static readonly uint Group = DatagramHeader.GroupNumber("test");

    public static Introduction Introduction(string name = "a") => new(11, 0, 1, 1, MemberRole.Data, 1472, 1 << 20, 256, new IPEndPoint(IPAddress.Parse("10.1.2.3"), 99), name);

    public static byte[] Report(params SequenceRange[] ranges)
    {
        byte[] body = new byte[ReportView.MaxBytes];
        int length = ReportView.Write(body, new ReportFields(Node, 7, 100, 90, 500, 3, 256, ReportFlags.Synchronised), ranges);
        return body[..length];
    }

    public static byte[] Beat(params BeatEntry[] entries) => BeatWith("", entries);

    public static byte[] BeatWith(string extension, params BeatEntry[] entries)
    {
        byte[] body = new byte[BeatView.HeaderBytes + entries.Length * BeatView.EntryBytes + extension.Length];
        BeatView.WriteHeader(body, 5, 6, 70, 8, 9, BeatFlags.Synchronised, entries.Length);
        for (int i = 0; i < entries.Length; i++) BeatView.WriteEntry(body, i, entries[i]);
        BeatView.WriteExtension(body, entries.Length, Encoding.ASCII.GetBytes(extension));
        return body;
    }

    public static byte[] Join(Introduction? introduction = null, params byte[] extensions)
    {
        byte[] body = new byte[IntroductionView.MaxBytes];
        int length = IntroductionView.Write(body, introduction ?? Introduction());
        return [.. body[..length], .. extensions];
    }

    public static byte[] Setup()
    {
        byte[] body = new byte[SetupView.MaxBytes];
        int length = SetupView.Write(body, Node, 2, 3, 4, 0, wantsSetup: true, 5, new IPEndPoint(IPAddress.IPv6Loopback, 6), Introduction());
        return body[..length];
    }

    public static byte[] Gone()
    {
        byte[] body = new byte[GoneView.Bytes];
        GoneView.Write(body, Node, 2, 30, ejected: true);
        return body;
    }

    public static byte[] Leave()
    {
        byte[] body = new byte[LeaveView.Bytes];
        LeaveView.Write(body, 44);
        return body;
    }

    public static byte[] Frames(params string[] messages)
    {
        var bytes = new List<byte>();
        byte[] header = new byte[4];
        foreach (string message in messages)
        {
            MessageRun.WriteHeader(header, message.Length, batchContinues: false);
            bytes.AddRange(header);
            bytes.AddRange(message.Select(static c => (byte)c));
        }
        return [.. bytes];
    }

    /// <summary>A whole datagram, sealed when a cipher is given.</summary>
    public static byte[] Datagram(DatagramType type, byte[] body, StreamCipher? cipher = null, ulong counter = 1, DatagramFlags flags = DatagramFlags.None, NodeId? node = null,
        ulong incarnation = 1, UInt128 salt = default, byte version = 1, uint? group = null)
    {
        int clear = DatagramHeader.ClearBytesOf(type);
        byte[] datagram = new byte[clear + body.Length + (cipher is null ? 0 : DatagramHeader.TagBytes)];
        DatagramHeader.Write(datagram, version, type, flags | (cipher is null ? 0 : DatagramFlags.Sealed), group ?? Group, node ?? Node, incarnation, counter, cipher?.KeyId ?? 0, body.Length);
        if (clear > DatagramHeader.Bytes) System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(datagram.AsSpan(DatagramHeader.Bytes), salt);
        body.CopyTo(datagram, clear);
        cipher?.Seal(datagram, clear);
        return datagram;
    }
}
