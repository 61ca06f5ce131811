using System.Net;
using System.Net.Sockets;

namespace Appliance.Drills;

/// <summary>Connects as an impatient client does.</summary>
internal static class Connecting
{
    /// <summary>Connects.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="connectMilliseconds">After so long the attempt is given up.</param>
    /// <param name="answerMilliseconds">So long the connection may be silent when it is read or written.</param>
    /// <exception cref="SocketException">It did not come about.</exception>
    internal static Socket To(IPEndPoint target, int connectMilliseconds, int answerMilliseconds)
    {
        var socket = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, Blocking = false };
        try
        {
            try
            {
                socket.Connect(target);
            }
            catch (SocketException pending) when (pending.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                if (!socket.Poll(connectMilliseconds * 1000, SelectMode.SelectWrite)) throw new SocketException((int)SocketError.TimedOut);
                var refusal = (SocketError)(int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
                if (refusal != SocketError.Success) throw new SocketException((int)refusal);
            }
            socket.Blocking = true;
            (socket.SendTimeout, socket.ReceiveTimeout) = (answerMilliseconds, answerMilliseconds);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
