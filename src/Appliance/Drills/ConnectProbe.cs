using System.Net;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Drills;

/// <summary>
/// A new connection at a fixed interval, one request on each, and when the answer began. Attempts do not wait for each other: in an interruption hundreds are under way, and the first one that was
/// started after it succeeds. Loop thread.
/// </summary>
/// <remarks>Connections are reset once they were answered: closing them in order would use up the client's ports within half a minute (TIME_WAIT).</remarks>
internal sealed class ConnectProbe : IRoundHandler
{
    private const int MaxUnderWay = 4096;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1); // the kernel repeats a lost SYN after one second: by then hundreds of newer attempts exist
    private readonly EventLoop _loop;
    private readonly SocketAddressBytes _target;
    private readonly byte[] _request, _answer;
    private readonly TimeSpan _interval;
    private readonly Attempt[] _attempts = new Attempt[MaxUnderWay];
    private readonly Queue<(Attempt Attempt, int Use)> _underWay = new(MaxUnderWay);
    private readonly Stack<Attempt> _free = new(MaxUnderWay);
    private Timestamp _due;

    /// <param name="loop">Its loop.</param>
    /// <param name="target">Where to connect to.</param>
    /// <param name="request">Sent on each connection.</param>
    /// <param name="answer">How the answer must begin.</param>
    /// <param name="interval">Between two connections.</param>
    internal ConnectProbe(EventLoop loop, IPEndPoint target, byte[] request, byte[] answer, TimeSpan interval)
    {
        (_loop, _target, _request, _answer, _interval) = (loop, new SocketAddressBytes(target), request, answer, interval);
        for (int i = 0; i < MaxUnderWay; i++) _free.Push(_attempts[i] = new Attempt(this));
        _due = EventLoop.ReadClock();
    }

    /// <summary>What was measured; read it after the loop has stopped.</summary>
    internal ProbeTimes Times { get; } = new();

    /// <inheritdoc/>
    public Timestamp NextDeadline => _due;

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        while (_underWay.TryPeek(out (Attempt Attempt, int Use) oldest) && (oldest.Attempt.Use != oldest.Use || now - oldest.Attempt.Started > Patience))
        {
            _underWay.Dequeue();
            if (oldest.Attempt.Use == oldest.Use) oldest.Attempt.End();
        }
        if (now < _due) return;
        // Once per interval that has passed would be a burst after a pause; one now, its lateness noted, is what a client would do.
        Times.Start(_due, now);
        _due += _interval;
        if (_due <= now) _due = now + _interval;
        if (_free.TryPop(out Attempt? attempt)) attempt.Begin(now);
    }

    /// <summary>One connection.</summary>
    private sealed class Attempt(ConnectProbe owner) : IReadinessHandler
    {
        private int _descriptor = -1;
        private bool _sent;

        /// <summary>Counts how often this object was used: what waits for an earlier use is out of date.</summary>
        internal int Use { get; private set; }

        internal Timestamp Started { get; private set; }

        internal void Begin(Timestamp now)
        {
            (Started, _sent) = (now, false);
            _descriptor = Sockets.Create(owner._target.Family);
            int result = _descriptor < 0 ? _descriptor : Sockets.Connect(_descriptor, owner._target);
            if (result < 0 && -result != Sockets.InProgress)
            {
                owner.Times.Refuse();
                if (_descriptor >= 0) Sockets.Close(_descriptor);
                owner._free.Push(this);
                return;
            }
            owner._loop.Register(_descriptor, Readiness.Write, this);
            owner._underWay.Enqueue((this, Use));
        }

        public unsafe void OnReady(Readiness ready)
        {
            if (_descriptor < 0) return;
            if (!_sent)
            {
                _sent = Sockets.TakeError(_descriptor) == 0;
                fixed (byte* request = owner._request) _sent = _sent && Sockets.Send(_descriptor, request, owner._request.Length) == owner._request.Length;
                if (_sent) owner._loop.Change(_descriptor, Readiness.Read);
                else Fail();
                return;
            }
            byte* answer = stackalloc byte[256];
            int received = Sockets.Receive(_descriptor, answer, 256);
            if (received == -Sockets.TryAgain) return;
            if (received < owner._answer.Length || !new ReadOnlySpan<byte>(answer, received).StartsWith(owner._answer))
            {
                Fail();
                return;
            }
            owner.Times.Succeed(EventLoop.ReadClock());
            End();
        }

        /// <summary>Gives the attempt up, answered or not.</summary>
        internal void End()
        {
            owner._loop.Unregister(_descriptor);
            Sockets.Reset(_descriptor);
            _descriptor = -1;
            Use++;
            owner._free.Push(this);
        }

        private void Fail()
        {
            owner.Times.Refuse();
            End();
        }
    }
}
