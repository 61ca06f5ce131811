using System.Buffers;
using System.IO.Pipelines;
using Appliance.Listeners.Relay;
using Microsoft.AspNetCore.Connections;

namespace Appliance.Lab.Backend;

/// <summary>Takes a PROXY protocol header off the beginning of a connection, if there is one, and lets the client that it names be the connection's.</summary>
internal static class ProxyHeaderReader
{
    /// <summary>The stage of a connection; put it before HTTP.</summary>
    internal static ConnectionDelegate Before(ConnectionDelegate next) => async connection =>
    {
        if (await TakeAsync(connection).ConfigureAwait(false)) await next(connection).ConfigureAwait(false);
        else connection.Abort();
    };

    private static async Task<bool> TakeAsync(ConnectionContext connection)
    {
        PipeReader input = connection.Transport.Input;
        while (true)
        {
            ReadResult read = await input.ReadAsync().ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = read.Buffer;
            ProxyHeaderResult result = ProxyHeader.TryParse(buffer.Slice(0, Math.Min(buffer.Length, ProxyHeader.MaxBytes)).ToArray(), out ProxyHeader header);
            switch (result)
            {
                case ProxyHeaderResult.Complete:
                    if (header.HasAddresses) connection.RemoteEndPoint = header.Source.ToEndPoint();
                    input.AdvanceTo(buffer.GetPosition(header.Bytes));
                    return true;
                case ProxyHeaderResult.Absent:
                    input.AdvanceTo(buffer.Start);
                    return true;
                case ProxyHeaderResult.Incomplete when !read.IsCompleted:
                    input.AdvanceTo(buffer.Start, buffer.End);
                    continue;
                default:
                    input.AdvanceTo(buffer.Start);
                    return false;
            }
        }
    }
}
