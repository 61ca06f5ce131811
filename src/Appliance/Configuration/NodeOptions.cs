using Appliance.Multicast;
using Microsoft.Extensions.Logging;

namespace Appliance.Configuration;

/// <summary>Whether something the kernel may refuse is used.</summary>
public enum Permission
{
    /// <summary>Used where the kernel permits it; where not, the log says so.</summary>
    Auto,

    /// <summary>Never used.</summary>
    No,

    /// <summary>Required: the node does not start without it.</summary>
    Yes,
}

/// <summary>[node] of appliance.conf: what is this node's own.</summary>
[NodeLocal]
public sealed record NodeOptions
{
    /// <summary>The node's id, unique in the group. The host's short name: unique where hosts are managed at all.</summary>
    public string Id { get; init; } = Environment.MachineName.Split('.')[0].ToLowerInvariant();

    /// <summary>What the node does. Data: a group of witnesses alone would hold nothing.</summary>
    public MemberRole Role { get; init; } = MemberRole.Data;

    /// <summary>Where incarnation, terms and votes are kept; must survive a restart of the host. The place that the file hierarchy standard names for it.</summary>
    public string StateDirectory { get; init; } = "/var/lib/appliance";

    /// <summary>One limit for table, tombstones, repair, reorder, snapshot and pending buffers together. 1 GiB: some five million sessions of 150 bytes, and harmless on a host with 4 GiB.</summary>
    public ByteSize MemoryLimit { get; init; } = ByteSize.OfGibibytes(1);

    /// <summary>Least level that is logged. Information: one line per event that changes what the node does.</summary>
    [Reloadable]
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>The heartbeat thread runs under SCHED_FIFO. Auto: late heartbeats are false failovers, but a container may not permit it.</summary>
    public Permission Realtime { get; init; } = Permission.Auto;

    /// <summary>The process's memory is locked. Auto: a page fault in the heartbeat path is a late heartbeat, but RLIMIT_MEMLOCK may be small.</summary>
    public Permission LockMemory { get; init; } = Permission.Auto;

    /// <summary>What a takeover executes is compiled before the node joins. True: a second of processor time once, against 20 to 60 ms more in a node's first takeover.</summary>
    public bool CompileAhead { get; init; } = true;

    /// <summary>User that checks and notifications run as when the node runs as root. nobody: exists everywhere and may do nothing.</summary>
    public string CommandUser { get; init; } = "nobody";

    internal IEnumerable<SettingProblem> Validate()
    {
        if (!NodeId.IsValidName(Id)) yield return new("id", $"'{Id}' is no node id: 1 to {NodeId.MaxNameLength} characters of a-z, 0-9, '-', '_', '.'");
        if (CommandUser.Length == 0) yield return new("command-user", "is empty: name an unprivileged user, for example nobody");
        if (!Path.IsPathRooted(StateDirectory)) yield return new("state-directory", $"'{StateDirectory}' must be an absolute path: the directory in which the program is started is chance");
        if (MemoryLimit < ByteSize.OfMebibytes(64)) yield return new("memory-limit", $"{MemoryLimit} is too little: the buffers of the group alone need 64MiB");
    }
}
