using System.Security.Cryptography;
using System.Text;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Relay;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Listeners.Tls;

/// <summary>
/// Logins of the users of a listener (A7): passwords are checked by one thread of its own, for that takes a fifth of a second by intent, and what a session has
/// proved is written to the service's state as <c>auth:login:HANDLE</c>, where every node finds it. A client goes on when the write is acknowledged as its class asks.
/// </summary>
/// <remarks>Loop of the handshakes, unless said otherwise.</remarks>
internal sealed class LoginDesk : IRoundHandler, IDisposable
{
    /// <summary>Passwords that wait to be checked; one more is refused (503).</summary>
    internal const int MaxWaiting = 64;

    /// <summary>Of one client.</summary>
    internal const int MaxWaitingPerSource = 8;

    /// <summary>Bytes of the handle that a session carries.</summary>
    internal const int HandleBytes = 16;

    private const string Prefix = "auth:login:";
    private const int KeyBytes = 11 + 2 * HandleBytes;
    private readonly EventLoop _stateLoop;
    private readonly EventLoop _relayLoop;
    private readonly IServiceStore _store;
    private readonly StateTable _table;
    private readonly ServiceClock _clock;
    private readonly SourceCounts _sources = new();
    private readonly Queue<LoginRequest> _queue = new(MaxWaiting); // locked
    private readonly List<(LoginRequest Request, WriteDependency Dependency, Timestamp Until)> _written = []; // loop of the store
    private readonly byte[] _found = new byte[Credentials.MaxNameBytes];
    private PasswordHash? _nobodys; // by the thread
    private Thread? _thread;        // begun by the first login
    private int _waiting;
    private bool _ends; // locked with the queue

    /// <param name="stateLoop">The loop of the store.</param>
    /// <param name="relayLoop">The loop of the handshakes.</param>
    /// <param name="store">Where logins are written.</param>
    /// <param name="table">Where they are found: the store's keys.</param>
    /// <param name="clock">The service's.</param>
    internal LoginDesk(EventLoop stateLoop, EventLoop relayLoop, IServiceStore store, StateTable table, ServiceClock clock)
    {
        _stateLoop = stateLoop;
        _relayLoop = relayLoop;
        _store = store;
        _table = table;
        _clock = clock;
        stateLoop.Add(this);
    }

    /// <summary>Logins that were accepted.</summary>
    internal long Accepted { get; private set; }

    /// <summary>Logins with a wrong name, password or token, or of a revoked identity.</summary>
    internal long Refused { get; private set; }

    /// <summary>Logins that were not looked at because too many waited.</summary>
    internal long TurnedAway { get; private set; }

    /// <inheritdoc/>
    public Timestamp NextDeadline { get; private set; } = Timestamp.Never;

    /// <summary>Who has logged in under a session's handle.</summary>
    /// <returns>The name, valid until the next call; empty for nobody.</returns>
    internal ReadOnlySpan<byte> Find(ReadOnlySpan<byte> handle)
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        WriteKey(key, handle);
        return _table.TryGet(key, _table.Hash(key), _found, out RecordHeader header, out int bytes) && !RecordTables.IsHidden(header) && header.Kind == RecordKind.Bytes && bytes <= _found.Length
            && (header.ExpiryMilliseconds == 0 || header.ExpiryMilliseconds > _clock.NowMilliseconds) ? _found.AsSpan(0, bytes) : [];
    }

    /// <summary>Checks a password, soon; the asker is told on this loop.</summary>
    /// <returns>False, with nothing done, when too many wait.</returns>
    internal bool TryCheck(LoginRequest request)
    {
        if (_waiting >= MaxWaiting || !_sources.TryAdd(request.Client, MaxWaitingPerSource))
        {
            TurnedAway++;
            return false;
        }
        _waiting++;
        if (_thread is null)
        {
            _thread = new Thread(Check) { Name = "logins", IsBackground = true, Priority = ThreadPriority.BelowNormal };
            _thread.Start();
        }
        lock (_queue)
        {
            _queue.Enqueue(request);
            Monitor.Pulse(_queue);
        }
        return true;
    }

    /// <summary>Writes a login that needs no slow check; the asker is told on this loop.</summary>
    internal void Accept(LoginRequest request) => Pass(request, accepted: true);

    /// <summary>Counts a login that was refused at once.</summary>
    internal void CountRefused() => Refused++;

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        NextDeadline = Timestamp.Never;
        for (int i = _written.Count - 1; i >= 0; i--)
        {
            (LoginRequest request, WriteDependency dependency, Timestamp until) = _written[i];
            // Without acknowledgement the user is logged in all the same: at worst another node asks again.
            if (_store.IsResolved(dependency) || now >= until)
            {
                _written.RemoveAt(i);
                _relayLoop.Post(() => Finish(request, accepted: true));
            }
            else if (until < NextDeadline) NextDeadline = until;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_queue)
        {
            _ends = true;
            Monitor.Pulse(_queue);
        }
        _thread?.Join();
    }

    // The thread.
    private void Check()
    {
        while (TryTake(out LoginRequest request))
        {
            bool accepted;
            try
            {
                // A name that is not there costs as much as one that is.
                PasswordHash? hash = request.Credentials.PasswordOf(request.Name);
                accepted = (hash ?? (_nobodys ??= PasswordHash.Of(RandomNumberGenerator.GetBytes(HandleBytes)))).Matches(request.Password) && hash is not null;
            }
            catch (OpenSslException)
            {
                accepted = false; // no memory for it: the user asks again
            }
            CryptographicOperations.ZeroMemory(request.Password);
            Pass(request, accepted);
        }
    }

    private bool TryTake(out LoginRequest request)
    {
        lock (_queue)
        {
            while (_queue.Count == 0 && !_ends) Monitor.Wait(_queue);
            request = _ends ? null! : _queue.Dequeue();
            return !_ends;
        }
    }

    private void Pass(LoginRequest request, bool accepted)
    {
        if (accepted && request.Handle.Length > 0) _stateLoop.Post(() => Write(request));
        else _relayLoop.Post(() => Finish(request, accepted));
    }

    // Loop of the store.
    private void Write(LoginRequest request)
    {
        byte[] name = Encoding.ASCII.GetBytes(request.Name), key = new byte[KeyBytes];
        WriteKey(key, request.Handle);
        request.IsKept = _store.CheckWrite(key, name.Length) == WriteRefusal.None;
        if (!request.IsKept) // another node is the primary: the login holds for this connection only
        {
            _relayLoop.Post(() => Finish(request, accepted: true));
            return;
        }
        _store.Dependency = default;
        _store.Set(key, name, _store.NowMilliseconds + (long)request.Lifetime.TotalMilliseconds);
        _store.RequestAcknowledgement();
        Timestamp until = EventLoop.ReadClock() + _store.AcknowledgementTimeout;
        _written.Add((request, _store.Dependency, until));
        if (until < NextDeadline) NextDeadline = until;
    }

    private void Finish(LoginRequest request, bool accepted)
    {
        if (request.Password.Length > 0)
        {
            _waiting--;
            _sources.Remove(request.Client);
        }
        if (accepted) Accepted++;
        else Refused++;
        request.Done(request, accepted);
    }

    private static void WriteKey(Span<byte> key, ReadOnlySpan<byte> handle)
    {
        Encoding.ASCII.GetBytes(Prefix, key);
        Convert.TryToHexStringLower(handle, key[Prefix.Length..], out _);
    }
}
