using System.Net.Sockets;
using System.Text;

namespace Appliance.Tests.Host;

/// <summary>The service manager's end of sd_notify(3): a unix datagram socket.</summary>
internal sealed class NotifySocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    /// <param name="address">A path, or '@' and an abstract name.</param>
    internal NotifySocket(string address)
    {
        Address = address;
        _socket.Bind(new UnixDomainSocketEndPoint(address[0] == '@' ? "\0" + address[1..] : address));
    }

    /// <summary>As it stands in $NOTIFY_SOCKET.</summary>
    internal string Address { get; }

    /// <summary>The next message; null when none comes in time.</summary>
    /// <param name="patience">Below zero: time is up, and what has come already is taken.</param>
    internal string? Receive(TimeSpan patience)
    {
        byte[] buffer = new byte[4096];
        return _socket.Poll(patience > TimeSpan.Zero ? patience : TimeSpan.Zero, SelectMode.SelectRead) ? Encoding.UTF8.GetString(buffer, 0, _socket.Receive(buffer)) : null;
    }

    /// <summary>Waits for a message that begins so; others that come before it are passed over.</summary>
    internal string Await(string beginning, TimeSpan? patience = null)
    {
        while (Receive(patience ?? TimeSpan.FromSeconds(20)) is { } message)
            if (message.StartsWith(beginning, StringComparison.Ordinal)) return message;
        throw new TimeoutException($"no message '{beginning}'");
    }

    /// <summary>Takes what has come already.</summary>
    internal void Drain()
    {
        while (Receive(TimeSpan.Zero) is not null)
        {
        }
    }

    public void Dispose() => _socket.Dispose();
}
