using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>This node's goodbye: said several times, while what it sent is still repaired. Rule P-86.</summary>
internal sealed class Departure
{
    private const int Goodbyes = 4;
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private readonly StreamSender _sender;
    private int _said;

    public Departure(EngineContext context, PeerTable peers, StreamSender sender)
    {
        _context = context;
        _peers = peers;
        _sender = sender;
    }

    /// <summary>Goodbye was said at least once.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>When to say it again.</summary>
    public Timestamp Deadline { get; private set; } = Timestamp.Never;

    /// <summary>It was said often enough, and everybody waited for has everything.</summary>
    public bool IsDone
    {
        get
        {
            if (!HasBegun || _said < Goodbyes) return false;
            foreach (var peer in _peers.All)
            {
                // Who has everything has let us go, or says so.
                if (peer.Member.WaitedFor && peer.KnowsUs && peer.Member.ReceivedThrough < _sender.Sealed) return false;
            }
            return true;
        }
    }

    /// <summary>Says goodbye the first time.</summary>
    public void Begin<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        if (HasBegun) return;
        HasBegun = true;
        Deadline = now;
        OnTick(now, ref sink);
    }

    /// <summary>Says it again.</summary>
    public void OnTick<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        if (now < Deadline) return;
        var control = _context.Control;
        int length = LeaveView.Write(control.Body(DatagramType.Leave), _sender.Sealed);
        control.SendToGroup(control.Finish(DatagramType.Leave, length), _peers, ref sink);
        _said++;
        Deadline = now + _context.Options.Heartbeat;
    }
}
