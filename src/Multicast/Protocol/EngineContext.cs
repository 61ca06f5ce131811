using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>What all parts of one engine share.</summary>
internal sealed class EngineContext
{
    public EngineContext(EngineOptions options, EngineIdentity identity, IGroupHandler handler)
    {
        Options = options;
        Identity = identity;
        Handler = handler;
        Self = NodeId.FromName(identity.Name);
        Group = DatagramHeader.GroupNumber(options.GroupName);
        Random = new SeededRandom(identity.RandomSeed);
        Keys = new Keyring(options, identity, Self);
        DataBytes = options.DatagramBytes - DatagramHeader.PrefixBytes;
        PayloadBytes = DataBytes - DatagramHeader.Bytes - (options.Security == GroupSecurity.Sealed ? DatagramHeader.TagBytes : 0);
        WireVersion = options.MaxWireVersion;
        Introduction = new Introduction(identity.Nonce, 0, options.MinWireVersion, options.MaxWireVersion, identity.Role, options.DatagramBytes,
            options.MaxMessageBytes, (uint)options.ReceiveWindowDatagrams, identity.SynchronisationEndPoint, identity.Name);
        Control = new ControlOutput(this);
    }

    public EngineOptions Options { get; }
    public EngineIdentity Identity { get; }
    public IGroupHandler Handler { get; }
    public EngineCounters Counters { get; } = new();
    public NodeId Self { get; }
    public uint Group { get; }
    public SeededRandom Random { get; }
    public Keyring Keys { get; }
    public ControlOutput Control { get; }
    public Introduction Introduction { get; }

    /// <summary>Largest DATA datagram: a REPAIR of it must fit into <see cref="EngineOptions.DatagramBytes"/> (P-60).</summary>
    public int DataBytes { get; }

    /// <summary>Largest body of a DATA datagram.</summary>
    public int PayloadBytes { get; }

    /// <summary>The lowest of all members' highest wire versions: what this node writes (P-32).</summary>
    public byte WireVersion { get; set; }

    /// <summary>This node holds the complete state.</summary>
    public bool Synchronised { get; set; }

    /// <summary>Number of the newest change of <see cref="Synchronised"/>.</summary>
    public uint StateNumber { get; set; } = 1;

    /// <summary>Time by which late own ticks are discounted so far (P-82).</summary>
    public TimeSpan Discount { get; set; }

    /// <summary>Time on the clock that judges silence: it stands still while this node itself did not run.</summary>
    public Timestamp Judging(Timestamp now) => now - Discount;
}
