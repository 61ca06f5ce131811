using System.Runtime.InteropServices;
using System.Text;
using Appliance.Interop;
using Appliance.TcpStateMirror.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Addresses;

/// <summary>A conversation with the kernel about links, addresses, queues and filters (rtnetlink(7)), in the network namespace of the thread that opened it.</summary>
/// <remarks>Not thread-safe. <c>Transact</c> allocates nothing.</remarks>
internal sealed class RouteSocket : IDisposable
{
    private const ushort Error = 2, Done = 3;
    private const int ErrorCodeOffset = NetlinkWriter.HeaderBytes, EchoOffset = 20, EchoedHeaderBytes = NetlinkWriter.HeaderBytes;
    private const ushort AcknowledgementHasAttributes = 0x200, AcknowledgementIsCapped = 0x100;      // NLM_F_ACK_TLVS, NLM_F_CAPPED
    private const ushort MessageAttribute = 1;                                                   // NLMSGERR_ATTR_MSG
    private readonly SafeFileHandle _socket;
    private readonly byte[] _received = GC.AllocateUninitializedArray<byte>(64 * 1024, pinned: true);
    private readonly byte[] _explanation = new byte[256];
    private int _explanationBytes;
    private uint _sequence;

    /// <summary>Opens the socket.</summary>
    /// <exception cref="NetworkSetupException">The kernel refuses it.</exception>
    internal RouteSocket()
    {
        int error = Netlink.Open(out _socket);
        if (error < 0) throw new NetworkSetupException(-error, $"cannot talk to the kernel's routing socket: {Errno.Text(error)}");
    }

    /// <summary>The kernel's own sentence about the last refused request, or empty.</summary>
    internal string Explanation => Encoding.UTF8.GetString(_explanation, 0, _explanationBytes);

    /// <summary>Sends a batch of messages that each ask for an acknowledgement, in one system call, and collects what became of each.</summary>
    /// <param name="batch">Whole messages; their sequence numbers are written here.</param>
    /// <param name="errors">One errno per message, 0 for done.</param>
    /// <returns>0; or the errno of the socket itself, when <paramref name="errors"/> tells nothing.</returns>
    internal int Transact(Span<byte> batch, Span<int> errors)
    {
        uint first = _sequence + 1;
        for (int offset = 0; offset < batch.Length; offset += MemoryMarshal.Read<int>(batch[offset..]) + 3 & ~3)
            MemoryMarshal.Write(batch[(offset + 8)..], ++_sequence);
        _explanationBytes = 0;
        int sent = KernelSocket.Send(_socket, batch);
        if (sent < 0) return -sent;
        for (int pending = errors.Length; pending > 0;)
        {
            int bytes = Netlink.Receive(_socket, _received);
            if (bytes == -Errno.Interrupted) continue;
            if (bytes < 0) return -bytes;
            for (ReadOnlySpan<byte> rest = _received.AsSpan(0, bytes); TryTake(ref rest, out ReadOnlySpan<byte> message);)
            {
                uint index = MemoryMarshal.Read<uint>(message[8..]) - first;
                if (MemoryMarshal.Read<ushort>(message[4..]) != Error || index >= errors.Length) continue;
                errors[(int)index] = -MemoryMarshal.Read<int>(message[ErrorCodeOffset..]);
                if (errors[(int)index] != 0) KeepExplanation(message);
                pending--;
            }
        }
        return 0;
    }

    /// <summary>Sends one message and returns its errno, 0 for done.</summary>
    internal int Transact(Span<byte> message)
    {
        int error = 0;
        int socketError = Transact(message, new Span<int>(ref error));
        return socketError != 0 ? socketError : error;
    }

    /// <summary>Sends a request whose answers are messages (a look-up or a dump).</summary>
    /// <param name="request">One message; its sequence number is written here.</param>
    /// <param name="visit">Called with the type and the body of each.</param>
    /// <returns>0 or the errno.</returns>
    internal int Query(Span<byte> request, NetlinkVisitor visit)
    {
        bool dump = (MemoryMarshal.Read<ushort>(request[6..]) & NetlinkWriter.Dump) == NetlinkWriter.Dump;
        MemoryMarshal.Write(request[8..], ++_sequence);
        _explanationBytes = 0;
        int sent = KernelSocket.Send(_socket, request);
        if (sent < 0) return -sent;
        while (true)
        {
            int bytes = Netlink.Receive(_socket, _received);
            if (bytes == -Errno.Interrupted) continue;
            if (bytes < 0) return -bytes;
            for (ReadOnlySpan<byte> rest = _received.AsSpan(0, bytes); TryTake(ref rest, out ReadOnlySpan<byte> message);)
            {
                if (MemoryMarshal.Read<uint>(message[8..]) != _sequence) continue;
                ushort type = MemoryMarshal.Read<ushort>(message[4..]);
                if (type == Done) return 0;
                if (type == Error)
                {
                    KeepExplanation(message);
                    return -MemoryMarshal.Read<int>(message[ErrorCodeOffset..]);
                }
                visit(type, message[NetlinkWriter.HeaderBytes..]);
                if (!dump) return 0;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static bool TryTake(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> message)
    {
        message = default;
        if (rest.Length < EchoOffset) return false;
        int length = MemoryMarshal.Read<int>(rest);
        if (length < EchoOffset || length > rest.Length) return false;
        message = rest[..length];
        rest = rest[Math.Min(length + 3 & ~3, rest.Length)..];
        return true;
    }

    /// <summary>struct nlmsgerr: errno, the header of the request, the rest of it unless capped, then attributes.</summary>
    private void KeepExplanation(ReadOnlySpan<byte> message)
    {
        ushort flags = MemoryMarshal.Read<ushort>(message[6..]);
        if ((flags & AcknowledgementHasAttributes) == 0 || message.Length < EchoOffset + EchoedHeaderBytes) return;
        int echoed = (flags & AcknowledgementIsCapped) != 0 ? EchoedHeaderBytes : MemoryMarshal.Read<int>(message[EchoOffset..]) + 3 & ~3;
        if (echoed < 0 || EchoOffset + echoed > message.Length) return;
        var attributes = new NetlinkAttributes(message[(EchoOffset + echoed)..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type != MessageAttribute) continue;
            ReadOnlySpan<byte> text = attributes.Value.TrimEnd((byte)0);
            _explanationBytes = Math.Min(text.Length, _explanation.Length);
            text[.._explanationBytes].CopyTo(_explanation);
        }
    }
}
