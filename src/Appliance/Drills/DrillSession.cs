using System.Net;
using System.Net.Sockets;
using Appliance.Multicast.Transport;

namespace Appliance.Drills;

/// <summary>A client that goes on: when its connection breaks or falls silent it connects anew, as any client library would. One thread, its own.</summary>
internal abstract class DrillSession
{
    private const int ConnectMilliseconds = 100;
    private readonly IPEndPoint _target;
    private readonly int _silenceMilliseconds;
    private readonly Thread _thread;
    private volatile bool _ending;

    /// <param name="target">The listener.</param>
    /// <param name="silenceMilliseconds">After so long without an answer a connection counts as broken.</param>
    /// <param name="name">The thread's.</param>
    protected DrillSession(IPEndPoint target, int silenceMilliseconds, string name)
    {
        (_target, _silenceMilliseconds) = (target, silenceMilliseconds);
        _thread = new Thread(Run) { Name = name, IsBackground = true };
    }

    /// <summary>Its connection is the first one still.</summary>
    internal abstract bool Survived { get; }

    /// <summary>Times that the session went on with an answer behind a break.</summary>
    internal int Resumed { get; private set; }

    /// <summary>When answers came.</summary>
    internal ProbeTimes Times { get; } = new();

    /// <summary>No answer has come since the last break.</summary>
    protected bool IsBroken { get; private set; }

    /// <summary>The thread is to end.</summary>
    protected bool IsEnding => _ending;

    internal void Start() => _thread.Start();

    /// <summary>Ends it; the thread has ended when this returns.</summary>
    internal void End()
    {
        _ending = true;
        _thread.Join();
    }

    /// <summary>Asks until it is to end.</summary>
    protected abstract void Run();

    /// <exception cref="SocketException">It did not come about.</exception>
    protected Socket Connect() => Connecting.To(_target, ConnectMilliseconds, _silenceMilliseconds);

    /// <summary>An answer came.</summary>
    protected void OnAnswer()
    {
        Times.Succeed(EventLoop.ReadClock());
        if (IsBroken) Resumed++;
        IsBroken = false;
    }

    /// <summary>The connection broke, or could not be made.</summary>
    protected void OnBreak() => IsBroken = true;
}
