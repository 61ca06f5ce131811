using System.Net;

namespace Appliance.Configuration;

/// <summary>What a listener speaks.</summary>
public enum ListenerType
{
    /// <summary>The Redis protocol.</summary>
    Resp,
}

/// <summary>Which addresses a listener has.</summary>
public enum ListenerBinding
{
    /// <summary>The service's virtual addresses.</summary>
    Service,

    /// <summary>The node's own addresses.</summary>
    Node,

    /// <summary>Both.</summary>
    Both,
}

/// <summary>[listener NAME] of appliance.conf: a door into a service.</summary>
public sealed record ListenerOptions
{
    /// <summary>The listener's name, from the section's header.</summary>
    [SectionName]
    public string Name { get; init; } = "";

    /// <summary>The service that it opens. No default.</summary>
    public string Service { get; init; } = "";

    /// <summary>What it speaks. The only one that needs no further settings.</summary>
    public ListenerType Type { get; init; } = ListenerType.Resp;

    /// <summary>Where it listens. Service: what is asked of a node's own address would miss the primary after a takeover.</summary>
    public ListenerBinding Bind { get; init; } = ListenerBinding.Service;

    /// <summary>The node's own addresses for <c>bind = node</c> and <c>both</c>. Empty: this member's address on the synchronisation network.</summary>
    [NodeLocal]
    public IReadOnlyList<IPAddress> NodeAddresses { get; init; } = [];

    /// <summary>TCP port. 6379: what Redis clients try first.</summary>
    public int Port { get; init; } = 6379;

    /// <summary>File with the password that clients must send (AUTH), readable by the owner only. Empty: none is asked for.</summary>
    [NodeLocal, Reloadable]
    public string PasswordFile { get; init; } = "";

    /// <summary>Most clients at once; one more is told so and closed. 10000: Redis' own default.</summary>
    [Reloadable]
    public int MaxClients { get; init; } = 10000;

    /// <summary>Most bytes of requests held for one client. 1 MiB: two of the largest values; a client with more is not read until they are answered.</summary>
    public ByteSize RequestBuffer { get; init; } = ByteSize.OfMebibytes(1);

    /// <summary>Most bytes of replies held for one client. 8 MiB: a client that reads none of them is closed before it costs the others memory.</summary>
    public ByteSize ReplyBuffer { get; init; } = ByteSize.OfMebibytes(8);

    /// <summary>Most replies of one client that may wait for acknowledgement. 1024: deeper pipelines gain nothing.</summary>
    public int MaxPipeline { get; init; } = 1024;

    /// <summary>A client that says nothing for so long is closed; 0 for never. Never: session stores keep idle connections in their pools.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.Zero;

    internal IEnumerable<SettingProblem> Validate()
    {
        if (Service.Length == 0) yield return new("service", "is missing: name the [service] that this listener opens");
        if (Port is < 1 or > 65535) yield return new("port", $"{Port} is no port: 1 to 65535");
        if (MaxClients is < 1 or > 1_000_000) yield return new("max-clients", $"{MaxClients} must be from 1 to 1000000");
        if (MaxPipeline is < 1 or > 1_000_000) yield return new("max-pipeline", $"{MaxPipeline} must be from 1 to 1000000");
        if (RequestBuffer < ByteSize.OfKibibytes(16) || RequestBuffer > ByteSize.OfGibibytes(1)) yield return new("request-buffer", $"{RequestBuffer} must be from 16KiB to 1GiB");
        if (ReplyBuffer < ByteSize.OfKibibytes(16) || ReplyBuffer > ByteSize.OfGibibytes(1)) yield return new("reply-buffer", $"{ReplyBuffer} must be from 16KiB to 1GiB");
        if (PasswordFile.Length > 0 && !Path.IsPathRooted(PasswordFile)) yield return new("password-file", $"'{PasswordFile}' must be an absolute path: the directory in which the program is started is chance");
        if (NodeAddresses.Any(static address => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)))
            yield return new("node-addresses", "a wildcard would also listen on the virtual addresses of other services: name the addresses");
    }
}
