using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>Why a connection's record ended.</summary>
public enum FlowEnd
{
    /// <summary>Both ends sent a FIN and had it acknowledged.</summary>
    Fin,

    /// <summary>A segment with RST.</summary>
    Reset,

    /// <summary>No segment for the time that its state allows.</summary>
    Idle,

    /// <summary>A new connection took the same addresses and ports.</summary>
    Reused,

    /// <summary>The table was full, and this was the one that mattered least.</summary>
    Evicted,

    /// <summary>The input ended.</summary>
    Input,
}

/// <summary>One connection. Objects are used again: valid only during the call that hands it out. Not thread-safe.</summary>
public sealed class Flow
{
    internal Flow? NextInBucket, Older, Newer;
    internal FlowAge Age;
    internal FlowKey Key;
    internal HelloReader? Hello;
    internal TlsFacts? Facts;
    internal bool HelloTried, ClientIsLower, AnySyn;
    internal long SynTime, RoundTrip, Queued;

    /// <summary>Counts connections from 0 in the order of their first segments.</summary>
    public long Number { get; internal set; }

    /// <summary>First segment, ns since 1970 UTC.</summary>
    public long Start { get; internal set; }

    /// <summary>Last segment, ns since 1970 UTC.</summary>
    public long Last { get; internal set; }

    /// <summary>The beginning was not seen: who is the client is a guess from the ports.</summary>
    public bool Midstream => !AnySyn;

    /// <summary>A segment with RST was seen.</summary>
    public bool WasReset { get; internal set; }

    /// <summary>Who opened the connection.</summary>
    public FlowSide Client { get; } = new();

    /// <summary>Who accepted it.</summary>
    public FlowSide Server { get; } = new();

    /// <summary>What the hellos say; null when there was none.</summary>
    public TlsFacts? Tls => Facts is { HasClientHello: true } or { HasServerHello: true } ? Facts : null;

    /// <summary>Both ends are done with it.</summary>
    public bool IsClosed => Client.State is TcpState.Closed or TcpState.TimeWait && Server.State is TcpState.Closed or TcpState.TimeWait;

    /// <summary>The state of the end that closed first; before any does, the client's.</summary>
    public TcpState State => Server.State is TcpState.FinWait1 or TcpState.FinWait2 or TcpState.TimeWait && Client.State is not TcpState.FinWait1 ? Server.State : Client.State;

    internal void Clear()
    {
        Client.Clear();
        Server.Clear();
        (NextInBucket, Older, Newer) = (null, null, null);
        (HelloTried, ClientIsLower, AnySyn, WasReset) = (false, false, false, false);
        (SynTime, RoundTrip) = (0, 0);
    }
}
