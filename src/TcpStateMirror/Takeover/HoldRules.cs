using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Appliance.Cluster.Addresses;
using Appliance.TcpStateMirror.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.TcpStateMirror.Takeover;

/// <summary>
/// The packet filter's rules that hold segments (nf_tables by netlink; uapi/linux/netfilter/nf_tables.h). One table for each family, replaced as a whole in one transaction: an earlier life's rules are
/// replaced, never doubled, and there is no moment without rules. They outlive the program, so that FIN and RST of a dying process's sockets wait in a queue that nobody serves, which drops them.
/// </summary>
/// <remarks>
/// Arriving segments with payload or FIN go to the first queue; what only acknowledges passes without it. Leaving FIN and RST go to the second. The chains stand behind the host's own filter: what that drops is
/// not held.
/// </remarks>
public sealed class HoldRules : IDisposable
{
    private const ushort Subsystem = 10 << 8, NewTable = Subsystem, DeleteTable = Subsystem | 2, NewChain = Subsystem | 3, NewRule = Subsystem | 6, GetRule = Subsystem | 7;
    private const ushort BatchBegin = 0x10, BatchEnd = 0x11, ErrorMessage = 2, DoneMessage = 3, Append = 0x800, Nested = 0x8000;
    private const byte Inet4 = 2, Inet6 = 10;
    private const uint HookInput = 1, HookOutput = 3, BehindFilter = 200, PolicyAccept = 1;
    private const uint Register = 1, BaseNetwork = 1, BaseTransport = 2, BaseInner = 3, KeyProtocol = 16, Equal = 0, NotEqual = 1;
    private const byte Tcp = 6, Fin = 1, Syn = 2, Rst = 4;
    private const int BufferBytes = 1 << 20;

    private readonly string _table;
    private readonly ushort _arriving, _leaving;
    private readonly byte[] _buffer = new byte[BufferBytes];
    private bool _native = true; // the queue expression; else the extension of iptables, which older or smaller kernels have
    private int _rules4, _rules6;

    /// <param name="owner">Names the tables; one per node.</param>
    /// <param name="arriving">Queue of arriving segments.</param>
    /// <param name="leaving">Queue of leaving FIN and RST.</param>
    public HoldRules(string owner, ushort arriving, ushort leaving)
    {
        _table = $"appliance-{owner}";
        _arriving = arriving;
        _leaving = leaving;
    }

    /// <summary>The tables' name.</summary>
    public string Table => _table;

    /// <summary>Puts the rules in place of whatever stands there.</summary>
    /// <exception cref="TakeoverSetupException">The kernel refused.</exception>
    public void Install(IReadOnlyList<HoldRule> rules)
    {
        int error = Replace(rules);
        if (error is -NetfilterSocket.NoEntry or -NetfilterSocket.NotSupported && _native)
        {
            _native = false;
            error = Replace(rules);
        }
        if (error == 0) return;
        throw new TakeoverSetupException(-error == NetfilterSocket.NotPermitted
            ? "segments cannot be held: CAP_NET_ADMIN is missing; give it to the program or run it as root"
            : $"segments cannot be held: the kernel refused the packet filter's rules with errno {-error}; it needs nf_tables with CONFIG_NFT_QUEUE, or CONFIG_NFT_COMPAT and CONFIG_NETFILTER_XT_TARGET_NFQUEUE");
    }

    /// <summary>Whether all rules stand as they were installed last.</summary>
    public bool Verify() => Count(Inet4) == _rules4 && Count(Inet6) == _rules6;

    /// <summary>Removes the rules. Without tables it does nothing.</summary>
    public void Remove()
    {
        var writer = new NetlinkWriter(_buffer);
        Batch(ref writer, BatchBegin);
        foreach (byte family in (ReadOnlySpan<byte>)[Inet4, Inet6]) DropTable(ref writer, family);
        Batch(ref writer, BatchEnd);
        _ = Commit(writer.Length); // refused only where nothing could have been installed
    }

    /// <inheritdoc/>
    public void Dispose() => Remove();

    private int Replace(IReadOnlyList<HoldRule> rules)
    {
        var writer = new NetlinkWriter(_buffer);
        Batch(ref writer, BatchBegin);
        (_rules4, _rules6) = (0, 0);
        foreach (byte family in (ReadOnlySpan<byte>)[Inet4, Inet6])
        {
            DropTable(ref writer, family);
            HoldRule[] own = [.. rules.Where(rule => rule.Local.AddressFamily == (family == Inet4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6))];
            if (own.Length == 0) continue;
            Begin(ref writer, NewTable, NetlinkWriter.Create, family);
            writer.Attribute(1, _table);
            writer.End();
            Chain(ref writer, family, "arriving", HookInput);
            Chain(ref writer, family, "leaving", HookOutput);
            foreach (HoldRule rule in own)
            {
                Rule(ref writer, family, rule, Part.Payload);
                Rule(ref writer, family, rule, Part.Fin);
                Rule(ref writer, family, rule, Part.Leaving);
                if (family == Inet4) _rules4 += 3;
                else _rules6 += 3;
            }
        }
        Batch(ref writer, BatchEnd);
        return Commit(writer.Length);
    }

    private enum Part
    {
        Payload,
        Fin,
        Leaving,
    }

    // A table that is not there cannot be deleted: it is made first, which does nothing when it is there.
    private void DropTable(ref NetlinkWriter writer, byte family)
    {
        Begin(ref writer, NewTable, NetlinkWriter.Create, family);
        writer.Attribute(1, _table);
        writer.End();
        Begin(ref writer, DeleteTable, 0, family);
        writer.Attribute(1, _table);
        writer.End();
    }

    private void Chain(ref NetlinkWriter writer, byte family, string name, uint hook)
    {
        Begin(ref writer, NewChain, NetlinkWriter.Create, family);
        writer.Attribute(1, _table);
        writer.Attribute(3, name);
        int nested = writer.BeginNested(4 | Nested);
        Number(ref writer, 1, hook);
        Number(ref writer, 2, BehindFilter);
        writer.EndNested(nested);
        Number(ref writer, 5, PolicyAccept);
        writer.Attribute(7, "filter");
        writer.End();
    }

    private void Rule(ref NetlinkWriter writer, byte family, HoldRule rule, Part part)
    {
        bool arriving = part != Part.Leaving;
        Begin(ref writer, NewRule, NetlinkWriter.Create | Append, family);
        writer.Attribute(1, _table);
        writer.Attribute(2, arriving ? "arriving" : "leaving");
        int expressions = writer.BeginNested(4 | Nested);
        Span<byte> address = stackalloc byte[16];
        int addressBytes = family == Inet4 ? 4 : 16;
        uint source = family == Inet4 ? 12u : 8u, destination = source + (uint)addressBytes;
        Match(ref writer, KeyProtocol, Tcp);
        _ = rule.Local.TryWriteBytes(address, out _);
        Match(ref writer, BaseNetwork, arriving ? destination : source, address[..addressBytes]);
        if (rule.Remote is not null)
        {
            _ = rule.Remote.TryWriteBytes(address, out _);
            Match(ref writer, BaseNetwork, arriving ? source : destination, address[..addressBytes]);
        }
        Span<byte> port = stackalloc byte[2];
        if (rule.LocalPort != 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(port, (ushort)rule.LocalPort);
            Match(ref writer, BaseTransport, arriving ? 2u : 0u, port);
        }
        if (rule.RemotePort != 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(port, (ushort)rule.RemotePort);
            Match(ref writer, BaseTransport, arriving ? 0u : 2u, port);
        }
        switch (part)
        {
            case Part.Payload:
                MatchFlags(ref writer, Syn, Equal);
                Load(ref writer, BaseInner, 0, 1); // a segment without a first byte of payload does not match
                break;
            case Part.Fin:
                MatchFlags(ref writer, Fin, NotEqual);
                break;
            default:
                MatchFlags(ref writer, Fin | Rst, NotEqual);
                break;
        }
        Queue(ref writer, arriving ? _arriving : _leaving);
        writer.EndNested(expressions);
        writer.End();
    }

    private void Queue(ref NetlinkWriter writer, ushort number)
    {
        Span<byte> value = stackalloc byte[8];
        value.Clear();
        int data = BeginExpression(ref writer, _native ? "queue" : "target", out int element);
        if (_native)
        {
            BinaryPrimitives.WriteUInt16BigEndian(value, number);
            writer.Attribute(1, value[..2]);
            BinaryPrimitives.WriteUInt16BigEndian(value, 1);
            writer.Attribute(2, value[..2]);
        }
        else
        {
            // struct xt_NFQ_info_v3 of uapi/linux/netfilter/xt_NFQUEUE.h: number u16, queues u16, flags u16; padded to eight.
            writer.Attribute(1, "NFQUEUE");
            Number(ref writer, 2, 3);
            MemoryMarshal.Write(value, number);
            MemoryMarshal.Write(value[2..], (ushort)1);
            writer.Attribute(3, value);
        }
        EndExpression(ref writer, data, element);
    }

    private static void Match(ref NetlinkWriter writer, uint key, byte value)
    {
        int data = BeginExpression(ref writer, "meta", out int element);
        Number(ref writer, 1, Register);
        Number(ref writer, 2, key);
        EndExpression(ref writer, data, element);
        Compare(ref writer, Equal, [value]);
    }

    private static void Match(ref NetlinkWriter writer, uint where, uint offset, scoped ReadOnlySpan<byte> value)
    {
        Load(ref writer, where, offset, (uint)value.Length);
        Compare(ref writer, Equal, value);
    }

    private static void MatchFlags(ref NetlinkWriter writer, byte mask, uint operation)
    {
        Load(ref writer, BaseTransport, 13, 1);
        int data = BeginExpression(ref writer, "bitwise", out int element);
        Number(ref writer, 1, Register);
        Number(ref writer, 2, Register);
        Number(ref writer, 3, 1);
        Data(ref writer, 4, [mask]);
        Data(ref writer, 5, [0]);
        EndExpression(ref writer, data, element);
        Compare(ref writer, operation, [0]);
    }

    private static void Load(ref NetlinkWriter writer, uint where, uint offset, uint length)
    {
        int data = BeginExpression(ref writer, "payload", out int element);
        Number(ref writer, 1, Register);
        Number(ref writer, 2, where);
        Number(ref writer, 3, offset);
        Number(ref writer, 4, length);
        EndExpression(ref writer, data, element);
    }

    private static void Compare(ref NetlinkWriter writer, uint operation, scoped ReadOnlySpan<byte> value)
    {
        int data = BeginExpression(ref writer, "cmp", out int element);
        Number(ref writer, 1, Register);
        Number(ref writer, 2, operation);
        Data(ref writer, 3, value);
        EndExpression(ref writer, data, element);
    }

    private static void Data(ref NetlinkWriter writer, ushort type, scoped ReadOnlySpan<byte> value)
    {
        int nested = writer.BeginNested((ushort)(type | Nested));
        writer.Attribute(1, value);
        writer.EndNested(nested);
    }

    private static int BeginExpression(ref NetlinkWriter writer, string name, out int element)
    {
        element = writer.BeginNested(1 | Nested);
        writer.Attribute(1, name);
        return writer.BeginNested(2 | Nested);
    }

    private static void EndExpression(ref NetlinkWriter writer, int data, int element)
    {
        writer.EndNested(data);
        writer.EndNested(element);
    }

    private static void Number(ref NetlinkWriter writer, ushort type, uint value) => writer.Attribute(type, BinaryPrimitives.ReverseEndianness(value));

    private static void Begin(ref NetlinkWriter writer, ushort type, ushort flags, byte family)
    {
        writer.Begin(type, (ushort)(flags | NetlinkWriter.Acknowledge));
        writer.Put(family);
        writer.Put((byte)0);
        writer.Put((ushort)0);
    }

    private static void Batch(ref NetlinkWriter writer, ushort type)
    {
        writer.Begin(type, 0);
        writer.Put((byte)0);
        writer.Put((byte)0);
        writer.Put(BinaryPrimitives.ReverseEndianness((ushort)(Subsystem >> 8)));
        writer.End();
    }

    // All or nothing; answers 0, or the first error.
    private int Commit(int bytes)
    {
        int error = NetfilterSocket.Open(blocking: false, 1 << 20, out SafeFileHandle socket);
        using (socket)
        {
            if (error != 0) return error;
            error = KernelSocket.Send(socket, _buffer.AsSpan(0, bytes));
            if (error < 0) return error;
            Span<byte> answer = stackalloc byte[8192];
            while (KernelSocket.Receive(socket, answer) is > 0 and int received)
            {
                for (Span<byte> rest = answer[..received]; rest.Length >= 20;)
                {
                    int length = (int)MemoryMarshal.Read<uint>(rest);
                    if (MemoryMarshal.Read<ushort>(rest[4..]) == ErrorMessage && MemoryMarshal.Read<int>(rest[16..]) is < 0 and int refused) return refused;
                    rest = rest[Math.Min(length + 3 & ~3, rest.Length)..];
                }
            }
            return 0;
        }
    }

    private int Count(byte family)
    {
        Span<byte> request = stackalloc byte[128];
        var writer = new NetlinkWriter(request);
        writer.Begin(GetRule, NetlinkWriter.Dump);
        writer.Put(family);
        writer.Put((byte)0);
        writer.Put((ushort)0);
        writer.Attribute(1, _table);
        writer.End();
        if (NetfilterSocket.Open(blocking: true, 1 << 20, out SafeFileHandle socket) != 0) return -1;
        using (socket)
        {
            if (KernelSocket.Send(socket, request[..writer.Length]) < 0) return -1;
            int count = 0;
            while (KernelSocket.Receive(socket, _buffer) is > 0 and int received)
            {
                for (Span<byte> rest = _buffer.AsSpan(0, received); rest.Length >= 20;)
                {
                    int length = (int)MemoryMarshal.Read<uint>(rest);
                    ushort type = MemoryMarshal.Read<ushort>(rest[4..]);
                    if (type == DoneMessage) return count;
                    if (type == ErrorMessage) return count == 0 && MemoryMarshal.Read<int>(rest[16..]) == -NetfilterSocket.NoEntry ? 0 : -1;
                    if (type == NewRule) count++;
                    rest = rest[Math.Min(length + 3 & ~3, rest.Length)..];
                }
            }
            return -1;
        }
    }
}
