using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Channels in memory: the cluster moves so many messages of each per millisecond.</summary>
internal sealed class FakeSyncTransport : ISyncTransport
{
    private readonly FakeNode _node;

    internal FakeSyncTransport(FakeNode node) => _node = node;

    public ISyncChannel Open(GroupMember member, ISyncChannelHandler handler)
    {
        var server = (FakeNode)member.Tag!;
        var channel = new FakeSyncChannel(_node, _node.Cluster.ServedBy?.Invoke(_node, server) ?? server, handler);
        _node.Cluster.Channels.Add(channel);
        _node.Cluster.OpenedChannels++;
        return channel;
    }
}

/// <summary>One channel.</summary>
internal sealed class FakeSyncChannel : ISyncChannel
{
    private readonly ISyncChannelHandler _handler;
    private readonly Queue<byte[]> _requests = new();
    private readonly SyncServerSession _session;
    private readonly byte[] _buffer;

    internal FakeSyncChannel(FakeNode client, FakeNode server, ISyncChannelHandler handler)
    {
        Client = client;
        Server = server;
        _handler = handler;
        _session = server.Mirror.CreateServerSession();
        _buffer = new byte[_session.MaxMessageBytes];
    }

    internal FakeNode Client { get; }

    internal FakeNode Server { get; }

    internal bool IsClosed { get; private set; }

    public void Send(ReadOnlySpan<byte> message) => _requests.Enqueue(message.ToArray());

    public void Close() => IsClosed = true;

    internal void Move(int messages)
    {
        if (!Client.IsAlive) IsClosed = true;
        if (IsClosed) return;
        if (Client.Cluster.ChannelsBreak || !Server.IsAlive || Client.Cluster.IsCut(Server, Client))
        {
            IsClosed = true;
            _handler.OnClosed(this);
            return;
        }
        while (_requests.TryDequeue(out byte[]? request)) Assert.True(_session.OnRequest(request));
        while (messages-- > 0 && !IsClosed)
        {
            int bytes = _session.Produce(_buffer);
            if (bytes == 0) return;
            _handler.OnMessage(this, _buffer.AsSpan(0, bytes).ToArray());
        }
    }
}
