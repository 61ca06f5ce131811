using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>The group's keys: several are accepted, one seals. Rules P-10 to P-13 and P-96 to P-98.</summary>
internal sealed class Keyring : IDisposable
{
    /// <summary>Keys accepted at a time: the newest, the one before it, and two in reserve for a slow roll-out.</summary>
    public const int MaxKeys = 4;

    private readonly List<(ushort Id, byte[] Bytes)> _keys = [];
    private readonly NodeId _self;
    private readonly EngineIdentity _identity;

    public Keyring(EngineOptions options, EngineIdentity identity, NodeId self)
    {
        _self = self;
        _identity = identity;
        if (options.Security == GroupSecurity.None) return;
        if (options.Keys.Count is 0 or > MaxKeys) throw new ArgumentException($"a sealed group needs 1 to {MaxKeys} keys, not {options.Keys.Count}", nameof(options));
        foreach (var key in options.Keys) Accept(key.Id, key.Bytes.Span);
        SealWith(options.Keys[^1].Id);
    }

    /// <summary>Seals what the loop sends; null when nothing is sealed.</summary>
    public StreamCipher? Sealing { get; private set; }

    /// <summary>Grows with every change, so that derived ciphers can be checked.</summary>
    public int Generation { get; private set; }

    /// <summary>A cipher of its own for the heartbeat thread.</summary>
    public StreamCipher? CreateForHeartbeats() => Sealing is { } sealing ? Derive(sealing.KeyId, _self, _identity.Incarnation, _identity.Salt) : null;

    /// <summary>Accepts a key; the oldest one gives way when there are too many.</summary>
    public void Accept(ushort keyId, ReadOnlySpan<byte> key)
    {
        if (key.Length != EngineOptions.KeyBytes) throw new ArgumentException($"a group key has {EngineOptions.KeyBytes} bytes, not {key.Length}", nameof(key));
        Forget(keyId);
        if (_keys.Count == MaxKeys) _keys.RemoveAt(_keys[0].Id == Sealing?.KeyId ? 1 : 0);
        _keys.Add((keyId, key.ToArray()));
        Generation++;
    }

    /// <summary>Accepts a key no longer.</summary>
    public void Forget(ushort keyId)
    {
        if (_keys.RemoveAll(k => k.Id == keyId) > 0) Generation++;
    }

    /// <summary>Seals with an accepted key.</summary>
    public void SealWith(ushort keyId)
    {
        var old = Sealing;
        Sealing = Derive(keyId, _self, _identity.Incarnation, _identity.Salt) ?? throw new ArgumentException($"key {keyId} is not accepted yet", nameof(keyId));
        old?.Dispose();
    }

    /// <summary>The cipher of one life under one key; null when the key is not accepted.</summary>
    public StreamCipher? Derive(ushort keyId, NodeId node, ulong incarnation, UInt128 salt)
    {
        foreach (var (id, bytes) in _keys)
        {
            if (id == keyId) return new StreamCipher(bytes, keyId, node, incarnation, salt);
        }
        return null;
    }

    public void Dispose() => Sealing?.Dispose();
}
