using System.Net;
using Appliance.Multicast.Transport;

namespace Appliance.State;

/// <summary>Answers other members' channels: one thread for each, which reads the tables without locks, so the loop goes on undisturbed.</summary>
internal sealed class SynchronisationServer : IDisposable
{
    private readonly Func<SyncServerSession> _createSession;
    private readonly SealedListener _listener;
    private long _recordsSent;

    private SynchronisationServer(IPEndPoint endPoint, SealedConnectionSettings settings, Func<SyncServerSession> createSession)
    {
        _createSession = createSession;
        _listener = SealedListener.Start(endPoint, settings, Serve);
    }

    /// <summary>Where it listens.</summary>
    internal IPEndPoint EndPoint => _listener.EndPoint;

    /// <summary>The listener, for its counters and for new keys.</summary>
    internal SealedListener Listener => _listener;

    /// <summary>Records sent in conversations that are over. Any thread.</summary>
    internal long RecordsSent => Volatile.Read(ref _recordsSent);

    /// <summary>Starts to listen.</summary>
    /// <param name="endPoint">Address and port.</param>
    /// <param name="settings">Group, keys and limits; <c>MaxFrameBytes</c> is set here.</param>
    /// <param name="frameBytes"><see cref="SyncLimits.MessageBytes"/>.</param>
    /// <param name="createSession"><see cref="StateMirror.CreateServerSession"/>.</param>
    /// <exception cref="Multicast.Transport.GroupTransportException">The address cannot be bound.</exception>
    internal static SynchronisationServer Start(IPEndPoint endPoint, SealedConnectionSettings settings, int frameBytes, Func<SyncServerSession> createSession) =>
        new(endPoint, settings with { MaxFrameBytes = frameBytes }, createSession);

    /// <summary>Ends all conversations.</summary>
    public void Dispose() => _listener.Dispose();

    private void Serve(SealedConnection connection)
    {
        SyncServerSession session = _createSession();
        byte[] buffer = GC.AllocateUninitializedArray<byte>(Math.Max(session.MaxMessageBytes, _listener.Settings.MaxFrameBytes));
        try
        {
            while (connection.Receive(buffer) is var bytes and > 0)
            {
                if (!session.OnRequest(buffer.AsSpan(0, bytes))) return;
                while (session.Produce(buffer) is var produced and > 0) connection.Send(buffer.AsSpan(0, produced));
            }
        }
        finally
        {
            Interlocked.Add(ref _recordsSent, session.RecordsSent);
        }
    }
}
