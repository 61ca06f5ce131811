using System.Buffers.Text;
using System.Net;
using System.Text;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Relay;
using Appliance.Multicast.Transport;

namespace Appliance.Cluster.Health;

/// <summary>One check of a server by TCP or HTTP: connects, and asks for a page if it is to. Loop thread; calls back once, or never after <see cref="Dispose"/>.</summary>
internal sealed unsafe class SocketProbe : IReadinessHandler, IDisposable
{
    // "HTTP/1.1 200": all that matters of an answer.
    private const int StatusLineBytes = 12;
    private readonly EventLoop _loop;
    private readonly Action<bool, string> _done;
    private readonly byte[] _request;
    private readonly bool _expectsAnswer;
    private readonly byte[] _answer = new byte[StatusLineBytes];
    private int _descriptor;
    private int _answered;
    private int _sent;
    private bool _connected;

    private SocketProbe(EventLoop loop, int descriptor, byte[] request, bool expectsAnswer, Action<bool, string> done)
    {
        _loop = loop;
        _descriptor = descriptor;
        _request = request;
        _expectsAnswer = expectsAnswer;
        _done = done;
        loop.Register(descriptor, Readiness.Write, this);
    }

    /// <summary>Begins a check; null when it has failed at once, with the reason.</summary>
    internal static SocketProbe? Start(EventLoop loop, HealthCheckSettings settings, Action<bool, string> done, out string why)
    {
        IPEndPoint target = settings.Target!;
        SocketAddressBytes address = new(target);
        why = "";
        int descriptor = Sockets.Create(address.Family);
        int error = descriptor < 0 ? descriptor : Sockets.Connect(descriptor, address);
        if (error is 0 or -Sockets.InProgress) return new SocketProbe(loop, descriptor, RequestOf(settings), settings.Rule.Kind == HealthCheckKind.Http, done);
        if (descriptor >= 0) Sockets.Close(descriptor);
        why = $"cannot connect: {Errno.Text(error)}";
        return null;
    }

    /// <inheritdoc/>
    public void OnReady(Readiness ready)
    {
        if (!_connected)
        {
            if (Sockets.TakeError(_descriptor) is not 0 and int error)
            {
                End(false, $"cannot connect: {Errno.Text(error)}");
                return;
            }
            _connected = true;
        }
        if (_sent < _request.Length && !Send()) return;
        if (!_expectsAnswer) End(true, "");
        else if ((ready & ~Readiness.Write) != 0) Receive();
    }

    /// <summary>Gives up.</summary>
    public void Dispose()
    {
        if (_descriptor < 0) return;
        _loop.Unregister(_descriptor);
        Sockets.Close(_descriptor);
        _descriptor = -1;
    }

    private static byte[] RequestOf(HealthCheckSettings settings)
    {
        ReadOnlySpan<byte> proxy = settings.SendProxy switch { SendProxy.V1 => ProxyHeader.Local1, SendProxy.V2 => ProxyHeader.Local2, _ => [] };
        string request = settings.Rule.Kind == HealthCheckKind.Http
            ? $"GET {settings.Rule.Path} HTTP/1.1\r\nHost: {settings.Target}\r\nUser-Agent: appliance-check\r\nConnection: close\r\n\r\n"
            : "";
        return [.. proxy, .. Encoding.ASCII.GetBytes(request)];
    }

    // Answers whether the request has left.
    private bool Send()
    {
        int sent;
        fixed (byte* start = &_request[_sent]) sent = Sockets.Send(_descriptor, start, _request.Length - _sent);
        if (sent < 0)
        {
            if (-sent is not (Sockets.TryAgain or Sockets.Interrupted)) End(false, $"sending failed: {Errno.Text(sent)}");
            return false;
        }
        _sent += sent;
        if (_sent < _request.Length) return false;
        if (_expectsAnswer) _loop.Change(_descriptor, Readiness.Read);
        return true;
    }

    private void Receive()
    {
        int received;
        fixed (byte* start = &_answer[_answered]) received = Sockets.Receive(_descriptor, start, _answer.Length - _answered);
        if (-received is Sockets.TryAgain or Sockets.Interrupted) return;
        if (received <= 0)
        {
            End(false, received == 0 ? "it closed without an answer" : $"receiving failed: {Errno.Text(received)}");
            return;
        }
        _answered += received;
        if (_answered < _answer.Length) return;
        bool isHttp = _answer.AsSpan().StartsWith("HTTP/1."u8) && _answer[8] == ' ' && Utf8Parser.TryParse(_answer.AsSpan(9), out int _, out int digits) && digits == 3;
        int status = isHttp ? (_answer[9] - '0') * 100 + (_answer[10] - '0') * 10 + _answer[11] - '0' : 0;
        End(status is >= 200 and < 400, isHttp ? $"status {status}" : "it does not speak HTTP");
    }

    private void End(bool good, string why)
    {
        Dispose();
        _done(good, good ? "" : why);
    }
}
