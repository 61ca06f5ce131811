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
    [NodeLocal]
    public string PasswordFile { get; init; } = "";

    /// <summary>Most clients at once; one more is told so and closed. 10000: Redis' own default.</summary>
    public int MaxClients { get; init; } = 10000;

    /// <summary>Most bytes of one command. 4 MiB: eight of the largest values.</summary>
    public ByteSize MaxCommand { get; init; } = ByteSize.OfMebibytes(4);

    /// <summary>Most bytes of one reply. 64 MiB: a hash that is larger is read field by field.</summary>
    public ByteSize MaxReply { get; init; } = ByteSize.OfMebibytes(64);

    /// <summary>While a client has left so many bytes of replies unread, no more of its commands are read. 1 MiB: some thousand replies of a pipeline.</summary>
    public ByteSize ReplyBuffer { get; init; } = ByteSize.OfMebibytes(1);

    /// <summary>Replies of one client that may wait for acknowledgement; then its further commands wait unread. 4096: a hundred thousand writes per second for 40 ms.</summary>
    public int MaxPipeline { get; init; } = 4096;

    /// <summary>Most bytes in the buffers of all clients together; a client whose buffer would pass it is closed. 256 MiB: clients that do not read must not cost the state its memory.</summary>
    public ByteSize ClientMemory { get; init; } = ByteSize.OfMebibytes(256);

    /// <summary>A client that says nothing for so long is closed; 0 for never. Never: session stores keep idle connections in their pools.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.Zero;

    internal IEnumerable<SettingProblem> Validate()
    {
        if (Service.Length == 0) yield return new("service", "is missing: name the [service] that this listener opens");
        if (Port is < 1 or > 65535) yield return new("port", $"{Port} is no port: 1 to 65535");
        if (MaxClients is < 1 or > 1_000_000) yield return new("max-clients", $"{MaxClients} must be from 1 to 1000000");
        if (MaxPipeline is < 1 or > 1_000_000) yield return new("max-pipeline", $"{MaxPipeline} must be from 1 to 1000000");
        if (MaxCommand < ByteSize.OfKibibytes(16) || MaxCommand > ByteSize.OfGibibytes(1)) yield return new("max-command", $"{MaxCommand} must be from 16KiB to 1GiB");
        if (MaxReply < ByteSize.OfKibibytes(16) || MaxReply > ByteSize.OfGibibytes(1)) yield return new("max-reply", $"{MaxReply} must be from 16KiB to 1GiB");
        if (ReplyBuffer < ByteSize.OfKibibytes(4) || ReplyBuffer > ByteSize.OfGibibytes(1)) yield return new("reply-buffer", $"{ReplyBuffer} must be from 4KiB to 1GiB");
        if (ClientMemory.Bytes < 2 * MaxCommand.Bytes) yield return new("client-memory", $"{ClientMemory} must be at least twice max-command ({MaxCommand}): one client must not shut out all others");
        if (PasswordFile.Length > 0 && !Path.IsPathRooted(PasswordFile)) yield return new("password-file", $"'{PasswordFile}' must be an absolute path: the directory in which the program is started is chance");
        if (NodeAddresses.Any(static address => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)))
            yield return new("node-addresses", "a wildcard would also listen on the virtual addresses of other services: name the addresses");
    }
}
