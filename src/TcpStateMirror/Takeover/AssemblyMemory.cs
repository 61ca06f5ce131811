namespace Appliance.TcpStateMirror.Takeover;

/// <summary>Limits what all <see cref="StreamAssembly"/>s of a node hold together. One thread.</summary>
/// <param name="limitBytes">Most bytes.</param>
public sealed class AssemblyMemory(long limitBytes)
{
    /// <summary>Bytes held now.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Most bytes.</summary>
    public long LimitBytes => limitBytes;

    internal bool TryTake(long bytes)
    {
        if (UsedBytes + bytes > limitBytes) return false;
        UsedBytes += bytes;
        return true;
    }

    internal void Give(long bytes) => UsedBytes -= bytes;
}
