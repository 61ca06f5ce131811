using Appliance.Interop;
using Appliance.Listeners.Resp.Protocol;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Listeners.Resp.Connections;

/// <summary>
/// One client's socket: receives into memory shared by all connections, executes what is complete, sends the replies of a round at once.
/// Own memory only for what must wait: the beginning of a command, replies not yet read or not yet acknowledged. Loop thread.
/// </summary>
internal sealed unsafe class RespConnection : IReadinessHandler
{
    private readonly RespListener _listener;
    private readonly InputBuffer _input;
    private readonly ReplyQueue _replies;
    private RespProgress _progress;
    private Readiness _interest = Readiness.Read;
    private int _descriptor;
    private bool _hasMore;      // commands are kept that could not be executed yet
    private bool _peerEnded;
    private bool _outputPaused;
    private bool _refuseIfBusy;
    private Timestamp _busyDeadline = Timestamp.Never; // of the command that waits, however often it is tried

    public RespConnection(RespListener listener, int descriptor, RespClient client)
    {
        _listener = listener;
        _descriptor = descriptor;
        Client = client;
        _input = new InputBuffer(listener.Pool);
        _replies = new ReplyQueue(listener.Pool);
    }

    public RespClient Client { get; }

    public bool IsClosed => _descriptor < 0;

    /// <summary>Place in the listener's list.</summary>
    public int Index { get; set; }

    /// <summary>In the listener's list of the same name.</summary>
    public bool IsScheduled { get; set; }

    /// <summary>In the listener's list of the same name.</summary>
    public bool IsGated { get; set; }

    /// <summary>In the listener's list of the same name.</summary>
    public bool IsWaiting { get; set; }

    /// <summary>Waits for the group's window until this time; <see cref="Timestamp.Never"/> when it does not wait.</summary>
    public Timestamp BusyUntil { get; private set; } = Timestamp.Never;

    /// <summary>When the first gated reply's time is over.</summary>
    public Timestamp NextGateDeadline => _replies.NextDeadline;

    public bool HasGates => _replies.GateCount > 0;

    /// <summary>Bytes received and sent, for the log.</summary>
    public long BytesReceived { get; private set; }

    /// <summary>As <see cref="BytesReceived"/>.</summary>
    public long BytesSent { get; private set; }

    /// <summary>Nothing is under way: the connection may be closed for idleness.</summary>
    public bool IsQuiet => Client.Wait is null && BusyUntil == Timestamp.Never && _replies.IsEmpty;

    /// <inheritdoc/>
    public void OnReady(Readiness ready)
    {
        if ((ready & Readiness.Write) != 0)
        {
            Flush();
            Settle();
        }
        if (IsClosed) return;
        if ((ready & Readiness.Read) != 0 && (_interest & Readiness.Read) != 0) Receive();
        else if ((ready & (Readiness.Error | Readiness.HangUp)) != 0 || (ready & Readiness.PeerClosed) != 0 && Client.Wait is not null) Close("the client hung up");
    }

    /// <summary>Executes what had to wait, as far as it may.</summary>
    public void Continue()
    {
        if (IsClosed) return;
        RunKept();
        Settle();
    }

    /// <summary>The group's window has room again, or the time to wait for it is over: then the command is refused.</summary>
    public void EndBusy(bool refuse)
    {
        BusyUntil = Timestamp.Never;
        _refuseIfBusy = refuse;
    }

    /// <summary>Lets go what was acknowledged, and tells of what was not in time.</summary>
    /// <param name="now">Time; <see cref="Timestamp.Never"/> to give up everything not acknowledged.</param>
    public void ReleaseReplies(Timestamp now)
    {
        if (IsClosed) return;
        int expired = _replies.Expire(now, _listener.Store, RespListener.OutcomeUnknown);
        if (expired < 0)
        {
            CloseExhausted();
            return;
        }
        _listener.Counters.OutcomesUnknown += expired;
        _listener.Counters.Errors += expired;
        Flush();
        Settle();
    }

    /// <summary>Answers WAIT if enough members have acknowledged or its time is over.</summary>
    /// <returns>True when the client waits no longer.</returns>
    public bool TryEndWait(Timestamp now)
    {
        if (IsClosed || Client.Wait is not { } wait) return true;
        int reached = _listener.Store.AcknowledgedBy(wait.Ticket);
        bool primary = _listener.Store.IsPrimary;
        if (primary && reached < wait.Members && now < wait.Deadline) return false;
        Client.Wait = null;
        RespWriter output = _listener.BeginOutput(Client);
        if (primary) output.Integer(reached);
        else output.Error(RespErrors.Unblocked);
        Deliver();
        RunKept();
        Settle();
        return Client.Wait is null;
    }

    /// <summary>Closes the socket and gives all memory back.</summary>
    /// <param name="reason">For the log.</param>
    public void Close(string reason)
    {
        if (IsClosed) return;
        _listener.Loop.Unregister(_descriptor);
        Sockets.Close(_descriptor);
        _descriptor = -1;
        _input.Release();
        _replies.Release();
        Client.EndTransaction(_listener.Pool);
        _listener.OnClosed(this, reason);
    }

    private void Receive()
    {
        int received;
        if (_input.Length > _listener.SharedInputBytes / 4)
        {
            if (!_input.TryMakeRoom(_progress.NeededBytes))
            {
                CloseExhausted();
                return;
            }
            received = Sockets.Receive(_descriptor, _input.Free, Math.Min(_input.FreeBytes, _listener.SharedInputBytes));
            if (!Count(received)) return;
            _input.Add(received);
            RunKept();
        }
        else
        {
            // A short beginning moves in front of what comes, so that most commands never touch memory of the connection's own.
            byte* buffer = _listener.SharedInput;
            int kept = _input.Length;
            received = Sockets.Receive(_descriptor, buffer + kept, _listener.SharedInputBytes - kept);
            if (!Count(received)) return;
            if (kept > 0)
            {
                _input.Bytes.CopyTo(new Span<byte>(buffer, kept));
                _input.Release();
            }
            ReadOnlySpan<byte> all = new(buffer, kept + received);
            int consumed = Run(all);
            if (!IsClosed && consumed < all.Length && !_input.TryKeep(all[consumed..]))
            {
                CloseExhausted();
                return;
            }
        }
        Settle();
    }

    // Answers whether there is something to execute.
    private bool Count(int received)
    {
        if (received > 0)
        {
            BytesReceived += received;
            _listener.Counters.BytesReceived += received;
            Client.ActiveAt = _listener.Loop.Now;
            return true;
        }
        if (received == 0)
        {
            _peerEnded = true;
            Settle();
        }
        else if (-received is not (Sockets.TryAgain or Sockets.Interrupted))
        {
            Close($"receiving failed with errno {-received}");
        }
        return false;
    }

    private void RunKept()
    {
        _hasMore = false;
        if (IsClosed || _input.Length == 0) return;
        int consumed = Run(_input.Bytes);
        if (!IsClosed) _input.Consume(consumed);
    }

    // Executes complete commands and sends their replies. Answers how many bytes are done with.
    private int Run(ReadOnlySpan<byte> input)
    {
        RespWriter output = _listener.BeginOutput(Client);
        IServiceStore store = _listener.Store;
        Timestamp now = _listener.Loop.Now;
        long origin = _replies.Tail;
        int consumed = 0, lookedThrough = 0;
        _hasMore = false;
        while (consumed < input.Length)
        {
            if (Client.IsClosing)
            {
                consumed = input.Length;
                break;
            }
            if (MustPause(output.Length))
            {
                _hasMore = true;
                break;
            }
            ReadOnlySpan<byte> rest = input[consumed..];
            if (consumed >= lookedThrough && Client.IsAuthenticated) lookedThrough = consumed + PipelineAhead.Load(rest, store);
            RespParseStatus status = _listener.Parse(Client, rest, ref _progress, out RespFrame frame);
            if (status == RespParseStatus.Incomplete) break;
            if (status != RespParseStatus.Complete)
            {
                RefuseProtocol(output, status, frame);
                consumed = input.Length;
                break;
            }
            if (frame.ArgumentCount > 0)
            {
                int mark = output.Length;
                ExecutionOutcome outcome = _listener.Executor.Execute(now, Client, _listener.ArgumentsOf(rest, frame), _refuseIfBusy);
                if (outcome == ExecutionOutcome.Busy)
                {
                    _hasMore = true;
                    if (_busyDeadline == Timestamp.Never) _busyDeadline = now + store.AcknowledgementTimeout;
                    BusyUntil = _busyDeadline;
                    _listener.AddBusy(this);
                    break;
                }
                _refuseIfBusy = false;
                _busyDeadline = Timestamp.Never;
                WriteDependency dependency = store.Dependency;
                if (!dependency.IsNone && output.Length > mark && !store.IsResolved(dependency)) AddGate(now, origin + mark, output.Length - mark, dependency);
                if (outcome == ExecutionOutcome.Blocked) _listener.AddWaiting(this);
            }
            consumed += frame.ConsumedBytes;
        }
        Deliver();
        return consumed;
    }

    private void AddGate(Timestamp now, long start, int length, WriteDependency dependency)
    {
        _replies.AddGate(start, length, dependency, now + _listener.Store.AcknowledgementTimeout);
        _listener.AddGated(this);
    }

    private void RefuseProtocol(RespWriter output, RespParseStatus status, RespFrame frame)
    {
        _listener.Counters.CountProtocolError(status);
        _listener.Counters.Errors++;
        ReadOnlySpan<byte> text = RespErrors.Of(status);
        Span<byte> whole = stackalloc byte[text.Length + 2];
        text.CopyTo(whole);
        whole[^2] = frame.Offender;
        whole[^1] = (byte)'\'';
        output.BeginReply();
        output.Error(status == RespParseStatus.ExpectedDollar ? whole : text);
        Client.IsClosing = true;
    }

    // What was written leaves at once if nothing stands before it; the rest is kept.
    private void Deliver()
    {
        ReadOnlySpan<byte> written = _listener.Executor.Output.Written;
        if (written.IsEmpty || IsClosed) return;
        if (_replies.IsEmpty)
        {
            int sent;
            fixed (byte* bytes = written) sent = Sockets.Send(_descriptor, bytes, written.Length);
            if (!CountSent(sent)) return;
            sent = Math.Max(sent, 0);
            _replies.SkipSent(sent);
            written = written[sent..];
            if (!_replies.TryAppend(written)) CloseExhausted();
            return;
        }
        if (!_replies.TryAppend(written))
        {
            CloseExhausted();
            return;
        }
        _replies.Resolve(_listener.Store);
        Flush();
    }

    private void Flush()
    {
        if (!IsClosed) CountSent(_replies.Send(_descriptor));
    }

    private bool CountSent(int sent)
    {
        if (sent >= 0)
        {
            BytesSent += sent;
            _listener.Counters.BytesSent += sent;
            return true;
        }
        if (-sent is Sockets.TryAgain or Sockets.Interrupted) return true;
        Close($"sending failed with errno {-sent}");
        return false;
    }

    private bool MustPause(int unsentBytes) =>
        Client.Wait is not null || BusyUntil != Timestamp.Never
        || _replies.PendingBytes + unsentBytes > _listener.Options.OutputPauseBytes || _replies.GateCount >= _listener.Options.MaxPendingReplies;

    // Closes, goes on, or waits for what must happen next.
    private void Settle()
    {
        if (IsClosed) return;
        bool paused = MustPause(0);
        if (_replies.IsEmpty && (Client.IsClosing || _peerEnded && !_hasMore))
        {
            Close(_peerEnded ? "the client closed" : "closed after the last reply");
            return;
        }
        if (_hasMore && !paused) _listener.Schedule(this);
        CountPause(paused && _replies.PendingBytes > _listener.Options.OutputPauseBytes);
        Readiness interest = Readiness.None;
        if (!_peerEnded && !Client.IsClosing && !paused && !_hasMore) interest |= Readiness.Read;
        if (_replies.ReleasedBytes > 0) interest |= Readiness.Write;
        if (Client.Wait is not null) interest |= Readiness.PeerClosed;
        if (interest == _interest) return;
        _interest = interest;
        _listener.Loop.Change(_descriptor, interest);
    }

    private void CountPause(bool paused)
    {
        if (paused && !_outputPaused) _listener.Counters.OutputPauses++;
        _outputPaused = paused;
    }

    private void CloseExhausted()
    {
        _listener.Counters.BuffersExhausted++;
        ReadOnlySpan<byte> text = "-ERR no memory left for client buffers\r\n"u8;
        if (_replies.IsEmpty)
        {
            fixed (byte* bytes = text) _ = Sockets.Send(_descriptor, bytes, text.Length); // a courtesy: the connection ends either way
        }
        Close("no memory left for client buffers");
    }
}
