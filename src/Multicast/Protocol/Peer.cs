using System.Net;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Another node in one life, as the engine knows it: its identity, keys, paths, stream, and what it says of ours.</summary>
internal sealed class Peer : IDisposable
{
    private readonly EngineContext _context;
    private readonly StreamCipher?[] _ciphers = new StreamCipher?[Keyring.MaxKeys];
    private int _cipherGeneration = -1;

    public Peer(EngineContext context, GroupMember member, int ordinal, UInt128 salt, in IntroductionView introduction, IPEndPoint endPoint)
    {
        _context = context;
        Member = member;
        Ordinal = ordinal;
        Salt = salt;
        EndPoint = endPoint;
        Nonce = introduction.Nonce;
        MinVersion = introduction.MinVersion;
        MaxVersion = introduction.MaxVersion;
        View = new PeerView { Window = introduction.Window };
    }

    public GroupMember Member { get; }
    public NodeId Node => Member.Node;
    public ulong Incarnation => Member.Incarnation;

    /// <summary>Its bit in the masks of the repair service; free again when the peer is gone.</summary>
    public int Ordinal { get; }

    public UInt128 Salt { get; }

    /// <summary>What our SETUP to it must echo.</summary>
    public ulong Nonce { get; }
    public byte MinVersion { get; }
    public byte MaxVersion { get; }

    /// <summary>Its unicast socket, as seen from here.</summary>
    public IPEndPoint EndPoint { get; set; }

    /// <summary>Its stream, once admitted.</summary>
    public StreamReceiver? Receiver { get; set; }

    /// <summary>Its SETUP echoed our nonce: it lives now, and its stream is admitted (P-31).</summary>
    public bool Admitted => Receiver is not null;

    /// <summary>It has admitted our stream.</summary>
    public bool KnowsUs { get; set; }

    /// <summary>It said goodbye and its stream is being completed (P-86).</summary>
    public bool Leaving { get; set; }

    /// <summary>Its sender does not wait for us: what it can repair no longer was dropped although we lacked it (P-57).</summary>
    public bool NotWaitedForThere { get; set; }

    /// <summary>On the judging clock: when it was heard last.</summary>
    public Timestamp HeardAt { get; set; }

    /// <summary>On the judging clock: since when it is suspected or leaving.</summary>
    public Timestamp LostAt { get; set; }

    /// <summary>Its sender is not there: others complete its stream (P-66).</summary>
    public bool Orphaned => Member.State == MemberState.Suspected || Leaving;

    public AdmissionState Admission;
    public OrphanState Orphan = OrphanState.Idle;
    public PeerPaths Paths;
    public PeerEcho Echo;
    public ReplayWindow ControlWindow;
    public ReplayWindow BeatWindow;

    /// <summary>Number of the newest state flags that were taken over.</summary>
    public uint StateNumber { get; set; }

    /// <summary>What it says of our stream.</summary>
    public PeerView View { get; }

    /// <summary>When to report its stream, and why.</summary>
    public ReportSchedule Schedule { get; } = new();

    /// <summary>The cipher that opens its datagrams under a key; null when the key is not accepted.</summary>
    public StreamCipher? Cipher(ushort keyId)
    {
        if (_cipherGeneration != _context.Keys.Generation)
        {
            ForgetCiphers();
            _cipherGeneration = _context.Keys.Generation;
        }
        for (int i = 0; i < _ciphers.Length; i++)
        {
            if (_ciphers[i] is { } known)
            {
                if (known.KeyId == keyId) return known;
                continue;
            }
            return _ciphers[i] = _context.Keys.Derive(keyId, Node, Incarnation, Salt);
        }
        return null;
    }

    public void Dispose()
    {
        Receiver?.Dispose();
        ForgetCiphers();
    }

    private void ForgetCiphers()
    {
        foreach (var cipher in _ciphers) cipher?.Dispose();
        Array.Clear(_ciphers);
    }
}

/// <summary>How far the exchange of SETUPs with a peer is.</summary>
internal struct AdmissionState
{
    /// <summary>The first sequence of our stream that we promised it; 0: none yet.</summary>
    public ulong PromisedPosition;

    /// <summary>When to send the next SETUP.</summary>
    public Timestamp SetupAt;

    /// <summary>SETUPs since the peer last gave a reason for one.</summary>
    public int Attempts;

    /// <summary>When its JOIN or SETUP came last.</summary>
    public Timestamp IntroducedAt;
}

/// <summary>The newest beat of a peer, to be echoed: round trips are measured this way (P-84).</summary>
internal struct PeerEcho
{
    /// <summary>When it was sent, on the peer's clock.</summary>
    public ulong Sent;

    /// <summary>When it arrived, on ours.</summary>
    public Timestamp ReceivedAt;
}
