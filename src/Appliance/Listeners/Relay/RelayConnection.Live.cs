using Appliance.Interop;
using Appliance.Listeners.Connections;
using Appliance.LiveConnections;
using Appliance.Multicast;
using Appliance.TcpStateMirror.Takeover;

namespace Appliance.Listeners.Relay;

/// <content>What <c>survive = connections</c> adds: the connection is recorded before its first byte is moved, and goes on at another node (docs/takeover.md).</content>
internal sealed unsafe partial class RelayConnection
{
    // Both ends have said everything and have not acknowledged it: the kernel gives a peer that vanished up after about so long.
    private static readonly TimeSpan DrainLimit = TimeSpan.FromMinutes(15);

    private LiveConnection? _live;
    private long _writtenToFront, _writtenToBack; // before this node relayed it

    /// <summary>Goes on with a connection of another node, or of an earlier term of this one.</summary>
    public RelayConnection(RelayListener listener, RestoredConnection restored)
    {
        _listener = listener;
        _client = restored.Client;
        _destination = _local = restored.Local;
        _startedAt = _activeAt = listener.Loop.Now;
        _live = restored.Connection;
        _writtenToFront = restored.WrittenToFront;
        _writtenToBack = restored.WrittenToBack;
        _front = _frontSocket = new TcpConnection(listener.Loop, listener.Memory, restored.FrontDescriptor, connecting: false, this);
        _back = new ServerSide(listener, this);
        if (restored.BackDescriptor >= 0) _back.Resume(restored.BackDescriptor);
    }

    /// <summary>Another node takes the connection over if this one dies.</summary>
    public bool Survives => _live is { IsPlain: false };

    /// <summary>Both ends are recorded elsewhere, or need not be. Any thread.</summary>
    public void PostRecorded() => _listener.Loop.Post(() =>
    {
        if (_stage == Stage.Recording) BeginRelaying();
    });

    /// <summary>Begins, after construction from a restored connection.</summary>
    public void Resume(RestoredConnection restored)
    {
        _isCounted = _listener.TryCount(_client);
        _listener.Keeper!.Adopted(_live!, this);
        if (_back.Socket is not { } backSocket)
        {
            End(RelayEnd.NotMirrored); // nothing was sent to any server: the client may try again
            return;
        }
        _back.Count(restored.Server);
        bool hasFailed = false;
        if (restored.FrontFinished)
        {
            _frontSocket.EndInput();
            hasFailed |= !backSocket.EndOutput();
        }
        if (restored.BackFinished)
        {
            backSocket.EndInput();
            if (!restored.FrontFinished) _firstEnd = RelayEnd.ServerClosed;
            hasFailed |= !_frontSocket.EndOutput();
        }
        if (hasFailed) End(RelayEnd.ServerReset);
        else BeginRelaying();
    }

    /// <summary>Looks what the peers have acknowledged: others need not keep it.</summary>
    public void NoteAcknowledged()
    {
        if (!Survives || _stage is not (Stage.Relaying or Stage.Draining)) return;
        bool front = NoteAcknowledged(_frontSocket, _live!.Back, _writtenToFront), back = NoteAcknowledged(_back.Socket!, _live.Front, _writtenToBack);
        if (_stage == Stage.Draining && front && back) End(_firstEnd);
    }

    // Answers whether the peer has acknowledged everything, the end included.
    private static bool NoteAcknowledged(TcpConnection socket, ConnectionSide stream, long before)
    {
        long written = before + socket.BytesSent;
        if (stream.Acknowledged == written && !socket.OutputEnded) return true;
        int left = SocketRestore.Unacknowledged(socket.Descriptor);
        if (left < 0) return false;
        stream.Acknowledged = Math.Min(written, written + (socket.OutputEnded ? 1 : 0) - left); // an unacknowledged FIN counts one
        return left == 0;
    }

    private void AwaitRecord(LiveConnection live)
    {
        _stage = Stage.Recording; // within connect-timeout still
        _listener.Keeper!.Connected(live, _back.Socket!.Descriptor);
    }

    // What the kernel has not delivered yet would be lost with it: the connection is kept until the peers have everything.
    private void EndInOrder()
    {
        if (!Survives)
        {
            End(_firstEnd);
            return;
        }
        _stage = Stage.Draining;
        SetDeadline(DrainLimit);
    }

    private void Abandon()
    {
        _frontSocket.Abandon();
        _back.Socket?.Abandon();
    }
}
