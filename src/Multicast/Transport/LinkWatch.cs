using System.Net.Sockets;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>Tells when an interface loses or gains its carrier, from the kernel's own announcements. On the loop thread.</summary>
public sealed class LinkWatch : IReadinessHandler, IDisposable
{
    /// <summary>A link's message has about 1.5 KiB; the kernel splits blocks at 8 KiB (NLMSG_GOODSIZE).</summary>
    private const int BlockBytes = 16 * 1024;

    private readonly EventLoop _loop;
    private readonly string _name;
    private readonly int _index;
    private readonly Action<LinkState> _changed;
    private readonly SafeSocketHandle? _socket;
    private readonly byte[] _block = new byte[BlockBytes];
    private LinkState _last;

    /// <param name="loop">Where to listen.</param>
    /// <param name="name">The interface.</param>
    /// <param name="index">Its number in the kernel.</param>
    /// <param name="changed">Called on the loop thread when its carrier or MTU changed.</param>
    public LinkWatch(EventLoop loop, string name, int index, Action<LinkState> changed)
    {
        _loop = loop;
        _name = name;
        _index = index;
        _changed = changed;
        _socket = RouteSocket.Open(out int errno);
        _last = ReadNow();
        if (_socket is null) WhyNot = $"link changes are not announced: {Errno.Name(errno)}";
        else loop.Register((int)_socket.DangerousGetHandle(), Readiness.Read, this);
    }

    /// <summary>Why link changes cannot be watched; null when they are.</summary>
    public string? WhyNot { get; }

    /// <summary>The interface is up and has a carrier.</summary>
    public bool Carries => _last.Carries;

    /// <summary>Times that the carrier was lost.</summary>
    public long CarrierLosses { get; private set; }

    /// <inheritdoc/>
    public void OnReady(Readiness ready)
    {
        int length = RouteSocket.Read(_socket!, _block);
        if (length == -Errno.NoBuffers)
        {
            Accept(ReadNow());
            return;
        }
        ReadOnlySpan<byte> block = _block.AsSpan(0, Math.Max(0, length));
        while (LinkMessages.TryRead(ref block, out LinkState state))
            if (state.Index == _index) Accept(state);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_socket is null) return;
        _loop.Unregister((int)_socket.DangerousGetHandle());
        _socket.Dispose();
    }

    private void Accept(LinkState state)
    {
        if (state.MtuBytes == 0) state = state with { MtuBytes = _last.MtuBytes };
        if (state == _last) return;
        if (_last.Carries && !state.Carries) CarrierLosses++;
        _last = state;
        _changed(state);
    }

    private LinkState ReadNow()
    {
        using var any = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        uint flags = Interfaces.ReadFlags(any.SafeHandle, _name);
        // These 16 bits have no LOWER_UP; RUNNING follows the carrier (with dormant links the difference does not matter here).
        const uint carrying = Interfaces.Up | Interfaces.Running;
        return new LinkState(_index, (flags & carrying) == carrying, Interfaces.ReadMtu(any.SafeHandle, _name));
    }
}
