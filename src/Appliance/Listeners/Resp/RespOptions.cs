using System.Security.Cryptography;
using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp;

/// <summary>Limits and settings of one Redis listener. Immutable.</summary>
internal sealed record RespOptions
{
    /// <summary>Clients connected at a time; one more is told <c>-ERR max number of clients reached</c> and closed. 10,000 as in Redis.</summary>
    public int MaxClients { get; init; } = 10_000;

    /// <summary>Bytes of a key or of a hash field's name. 1 KiB: a record's key lives in memory on every node.</summary>
    public int MaxKeyBytes { get; init; } = 1024;

    /// <summary>Bytes of a value. 512 KiB: a record must pass the group in a bounded number of datagrams.</summary>
    public int MaxValueBytes { get; init; } = 512 * 1024;

    /// <summary>Arguments of one command. 65,536: more keys at once would hold up the other clients of the loop for milliseconds.</summary>
    public int MaxArguments { get; init; } = 65_536;

    /// <summary>Bytes of one command with its framing. 4 MiB: eight of the largest values.</summary>
    public int MaxCommandBytes { get; init; } = 4 << 20;

    /// <summary>Bytes of one inline command. 64 KiB as in Redis.</summary>
    public int MaxInlineBytes { get; init; } = 64 * 1024;

    /// <summary>Bytes of one reply. 64 MiB: a hash that is larger is read field by field.</summary>
    public int MaxReplyBytes { get; init; } = 64 << 20;

    /// <summary>While a client has left so many bytes of replies unread, no more of its commands are read. 1 MiB: some thousand replies of a pipeline.</summary>
    public int OutputPauseBytes { get; init; } = 1 << 20;

    /// <summary>Replies of one client that may wait for acknowledgement; then its further commands wait unread. 4096: a full window at a hundred thousand writes per second and 40 ms.</summary>
    public int MaxPendingReplies { get; init; } = 4096;

    /// <summary>Bytes read from one client in one round of the loop, so that no client holds up the others. 64 KiB: about a hundred commands of 512 bytes.</summary>
    public int ReadBytesPerRound { get; init; } = 64 * 1024;

    /// <summary>Bytes in the buffers of all clients together; a client whose buffer would pass it is closed. 256 MiB.</summary>
    public long MaxBufferBytes { get; init; } = 256L << 20;

    /// <summary>Commands in one transaction. 1024, as many as a batch may hold records.</summary>
    public int MaxTransactionCommands { get; init; } = 1024;

    /// <summary>Records that one command or transaction may write at once. 1024: it is one batch, applied in one step on every node.</summary>
    public int MaxBatchRecords { get; init; } = 1024;

    /// <summary>Bytes that one command or transaction may write at once. 1 MiB: it must fit into the group's window as a whole.</summary>
    public int MaxBatchBytes { get; init; } = 1 << 20;

    /// <summary>Keys that one client may watch. 1024.</summary>
    public int MaxWatchedKeys { get; init; } = 1024;

    /// <summary>Clients that say nothing for so long are closed; zero never. Never by default, as in Redis: pools of clients keep idle connections.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.Zero;

    /// <summary>SHA-256 of the password that AUTH asks for, or null when none is needed. Only the digest is kept.</summary>
    public byte[]? PasswordDigest { get; init; }

    /// <summary>Connections the kernel may hold before they are accepted. 511 as in Redis.</summary>
    public int Backlog { get; init; } = 511;

    /// <summary>Digest of a password, for <see cref="PasswordDigest"/>.</summary>
    public static byte[] DigestOf(string password) => SHA256.HashData(Encoding.UTF8.GetBytes(password));

    /// <summary>What the parser enforces.</summary>
    internal RespParserLimits ParserLimits => new()
    {
        MaxArguments = MaxArguments,
        // Somewhat above the largest value: a value that is too large is then refused by name and the connection lives on.
        MaxArgumentBytes = Math.Min(MaxCommandBytes, 2 * Math.Max(MaxValueBytes, MaxKeyBytes)),
        MaxCommandBytes = MaxCommandBytes,
        MaxInlineBytes = MaxInlineBytes,
    };

    /// <summary>All mistakes in the settings; empty when there are none.</summary>
    internal IEnumerable<string> Validate()
    {
        if (MaxClients < 1) yield return "max-clients must be at least 1";
        if (MaxKeyBytes is < 1 or > ushort.MaxValue) yield return "max-key must be 1 to 65535 bytes: a record's key has a 16-bit length";
        if (MaxValueBytes < 1) yield return "max-value must be at least 1 byte";
        if (MaxArguments < 8) yield return "max-arguments must be at least 8";
        if (MaxCommandBytes < MaxValueBytes + MaxKeyBytes + 64) yield return "max-command must hold a key, a value and their framing";
        if (MaxInlineBytes < 64) yield return "max-inline must be at least 64 bytes";
        if (MaxReplyBytes < MaxValueBytes + 64) yield return "max-reply must hold a value and its framing";
        if (MaxBatchBytes < MaxValueBytes + MaxKeyBytes) yield return "max-batch must hold a key and a value";
        if (MaxBatchRecords < 1 || MaxTransactionCommands < 1 || MaxPendingReplies < 1 || MaxWatchedKeys < 1) yield return "limits must be at least 1";
        if (ReadBytesPerRound < 4096) yield return "bytes per round must be at least 4 KiB";
        if (OutputPauseBytes < 4096) yield return "the output pause must be at least 4 KiB";
        if (MaxBufferBytes < 2L * MaxCommandBytes) yield return "the buffers of all clients must hold at least two commands";
    }
}
