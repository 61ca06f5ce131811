using System.Net;
using System.Security.Cryptography;
using Appliance.Configuration;
using Appliance.Listeners.Resp;
using Appliance.Listeners.Resp.Connections;
using Appliance.Multicast.Transport;
using Appliance.State;
using Microsoft.Extensions.Logging;

namespace Appliance.Host;

/// <summary>Opens the listeners of a configuration.</summary>
internal static class ListenerFactory
{
    /// <summary>Opens a listener at all its addresses. On the loop thread, or while the loop does not run.</summary>
    /// <exception cref="NodeStartException">The password cannot be read, or an address cannot be listened on.</exception>
    internal static RespListener Open(ApplianceConfiguration configuration, ListenerOptions options, IServiceStore store, EventLoop loop, ILoggerFactory loggers)
    {
        var listener = new RespListener(loop, store, Settings(configuration, options), loggers.CreateLogger($"listener {options.Name}"));
        try
        {
            foreach (IPAddress address in AddressesOf(configuration, options)) listener.Listen(new IPEndPoint(address, options.Port));
            return listener;
        }
        catch (IOException error)
        {
            listener.Dispose();
            throw new NodeStartException($"[listener {options.Name}] {error.Message}", error);
        }
    }

    /// <summary>Where a listener listens on this node.</summary>
    internal static IEnumerable<IPAddress> AddressesOf(ApplianceConfiguration configuration, ListenerOptions options)
    {
        ServiceOptions service = configuration.Services.First(service => service.Name == options.Service);
        return (options.Bind == ListenerBinding.Node ? [] : service.Addresses).Concat(configuration.NodeAddressesOf(options));
    }

    private static RespOptions Settings(ApplianceConfiguration configuration, ListenerOptions options) => new()
    {
        MaxClients = options.MaxClients,
        MaxKeyBytes = (int)configuration.Group.MaxKey.Bytes,
        MaxValueBytes = (int)configuration.Group.MaxValue.Bytes,
        MaxCommandBytes = (int)options.MaxCommand.Bytes,
        MaxReplyBytes = (int)options.MaxReply.Bytes,
        OutputPauseBytes = (int)options.ReplyBuffer.Bytes,
        MaxPendingReplies = options.MaxPipeline,
        MaxBufferBytes = options.ClientMemory.Bytes,
        MaxBatchRecords = configuration.Group.MaxBatchRecords,
        MaxTransactionCommands = configuration.Group.MaxBatchRecords,
        MaxBatchBytes = Math.Max(1 << 20, (int)(configuration.Group.MaxValue.Bytes + configuration.Group.MaxKey.Bytes)),
        IdleTimeout = options.IdleTimeout,
        PasswordDigest = DigestOf(options),
    };

    private static byte[]? DigestOf(ListenerOptions options)
    {
        if (options.PasswordFile.Length == 0) return null;
        (byte[]? password, string? problem) = PasswordFile.Load(options.PasswordFile);
        return password is null ? throw new NodeStartException($"[listener {options.Name}] {problem}") : SHA256.HashData(password);
    }
}
