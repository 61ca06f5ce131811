namespace Appliance.Multicast;

/// <summary>A key of the group.</summary>
/// <param name="Id">Named in every datagram's header; not secret, unique among the keys in use.</param>
/// <param name="Bytes">32 secret bytes.</param>
public sealed record GroupKey(ushort Id, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The id alone: a key must not reach a log by accident.</summary>
    public override string ToString() => $"key {Id}";
}
