using System.Collections.Concurrent;
using System.Diagnostics;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.State;

/// <summary>Channels of <see cref="ISyncTransport"/> over sealed TCP connections. Each has a thread that receives; the loop applies what it brought, a millisecond's worth per round.</summary>
internal sealed class SealedSyncTransport : ISyncTransport, IRoundHandler, IDisposable
{
    // The loop has clients and heartbeats' progress to serve between two steps.
    private static readonly TimeSpan RoundBudget = TimeSpan.FromMilliseconds(1);

    private readonly EventLoop _loop;
    private readonly List<SealedSyncChannel> _channels = [];
    private readonly ConcurrentBag<byte[]> _buffers = [];
    private readonly int _frameBytes;
    private bool _hasMore;

    /// <param name="loop">The loop; the transport adds itself, so create it before the mirror is added.</param>
    /// <param name="settings">Group, keys and limits; replaced after a key rotation.</param>
    /// <param name="frameBytes"><see cref="SyncLimits.MessageBytes"/>.</param>
    internal SealedSyncTransport(EventLoop loop, SealedConnectionSettings settings, int frameBytes)
    {
        _loop = loop;
        _frameBytes = frameBytes;
        Settings = settings;
        loop.Add(this);
    }

    /// <summary>For channels that are opened from now on.</summary>
    internal SealedConnectionSettings Settings
    {
        get;
        set => field = value with { MaxFrameBytes = _frameBytes };
    }

    /// <summary>What the newest channel that failed said; empty when none did.</summary>
    internal string LastFailure { get; private set; } = "";

    /// <inheritdoc/>
    public Timestamp NextDeadline => _hasMore ? default : Timestamp.Never;

    /// <inheritdoc/>
    public ISyncChannel Open(GroupMember member, ISyncChannelHandler handler)
    {
        var channel = new SealedSyncChannel(member, handler, Settings, _loop, _buffers);
        _channels.Add(channel);
        return channel;
    }

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        _hasMore = false;
        if (_channels.Count == 0) return;
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < _channels.Count; i++)
        {
            SealedSyncChannel channel = _channels[i];
            while (channel.DeliverOne())
            {
                if (Stopwatch.GetElapsedTime(started) < RoundBudget) continue;
                _hasMore = true;
                return;
            }
            if (channel.Failure.Length > 0) LastFailure = channel.Failure;
        }
        _channels.RemoveAll(static channel => channel.IsOver);
    }

    /// <summary>Closes all channels.</summary>
    public void Dispose()
    {
        foreach (SealedSyncChannel channel in _channels) channel.Close();
        _loop.Remove(this);
    }
}
