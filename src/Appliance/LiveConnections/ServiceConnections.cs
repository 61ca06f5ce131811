using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;
using Appliance.TcpStateMirror.Takeover;

namespace Appliance.LiveConnections;

/// <summary>The live connections of one service on one node, and on its primary the segments that wait for confirmation. Loop thread of the node.</summary>
internal sealed class ServiceConnections
{
    // As many as the kernel's queue holds, so that it can never be full.
    private const int WaitingEntries = PacketHold.MostPackets;

    private readonly Dictionary<uint, LiveConnection> _byNumber = [];
    private readonly List<LiveConnection> _all = [];
    private readonly (uint Packet, ulong Sequence)[] _waiting = new (uint, ulong)[WaitingEntries];
    private readonly Queue<(LiveConnection Connection, ulong Sequence)> _recorded = new();
    private ulong _waitingFrom, _waitingTo;
    private uint _number;

    internal ServiceConnections(string name, MirroredService state, WhenShort whenShort, AssemblyMemory memory)
    {
        Name = name;
        State = state;
        Id = ServiceId.FromName(name);
        WhenShort = whenShort;
        Memory = memory;
    }

    internal string Name { get; }

    internal ServiceId Id { get; }

    /// <summary>The service's state: who may be elected, and who has applied what.</summary>
    internal MirroredService State { get; }

    internal WhenShort WhenShort { get; }

    internal AssemblyMemory Memory { get; }

    /// <summary>The newest term of which something was heard.</summary>
    internal ulong Term { get; set; }

    /// <summary>The others are to be told when they know of all connections.</summary>
    internal bool MustSettle { get; set; }

    /// <summary>This node is the primary: its sockets carry the connections.</summary>
    internal bool IsPrimary { get; set; }

    /// <summary>Sequence of the newest message that this node published.</summary>
    internal ulong Published { get; set; }

    /// <summary>The primary's clock when it was last heard, in milliseconds, and when that was on this node's.</summary>
    internal (long Milliseconds, Timestamp HeardAt) Clock { get; set; }

    internal IReadOnlyList<LiveConnection> All => _all;

    /// <summary>Segments that wait for confirmation.</summary>
    internal int Waiting => (int)(_waitingTo - _waitingFrom);

    internal LiveConnection? Find(uint number) => _byNumber.GetValueOrDefault(number);

    /// <summary>Takes in a connection of this node and gives it a number.</summary>
    internal void Add(LiveConnection connection)
    {
        do _number++;
        while (_byNumber.ContainsKey(_number));
        Add(connection, _number);
    }

    /// <summary>Takes in a connection that the primary has numbered.</summary>
    internal LiveConnection Add(uint number) => Add(new LiveConnection(this), number);

    internal void Remove(LiveConnection connection)
    {
        if (connection.IsGone) return;
        connection.IsGone = true;
        connection.Free();
        _byNumber.Remove(connection.Number);
        LiveConnection last = _all[^1];
        _all[connection.Index] = last;
        last.Index = connection.Index;
        _all.RemoveAt(_all.Count - 1);
    }

    private LiveConnection Add(LiveConnection connection, uint number)
    {
        connection.Number = number;
        connection.Term = Term;
        connection.Index = _all.Count;
        _byNumber.Add(number, connection);
        _all.Add(connection);
        return connection;
    }

    internal void Clear()
    {
        while (_all.Count > 0) Remove(_all[^1]);
    }

    /// <summary>A segment waits until a sequence of this node's stream is confirmed.</summary>
    internal void Wait(uint packet, ulong sequence) => _waiting[_waitingTo++ % WaitingEntries] = (packet, sequence);

    /// <summary>A connection waits for its record's confirmation.</summary>
    internal void Wait(LiveConnection connection, ulong sequence) => _recorded.Enqueue((connection, sequence));

    internal bool TryTakePacket(ulong confirmed, out uint packet)
    {
        packet = 0;
        if (_waitingFrom == _waitingTo || _waiting[_waitingFrom % WaitingEntries].Sequence > confirmed) return false;
        packet = _waiting[_waitingFrom++ % WaitingEntries].Packet;
        return true;
    }

    internal bool TryTakeRecorded(ulong confirmed, out LiveConnection? connection)
    {
        connection = null;
        if (_recorded.Count == 0 || _recorded.Peek().Sequence > confirmed) return false;
        connection = _recorded.Dequeue().Connection;
        return true;
    }

    /// <summary>
    /// How far everyone who may be elected has this node's stream. Everything while nobody else may be: then there is no one to take over. Nothing while it is not known who may be.
    /// </summary>
    internal ulong ConfirmedThrough(IReadOnlyList<GroupMember> members, out bool isAlone)
    {
        ServicePublisher publisher = State.Publisher;
        isAlone = false;
        if (publisher.AwaitsCommitment || publisher.Committed is not { } committed) return 0;
        isAlone = committed.Length == 0 && publisher.Announced is not { Length: > 0 };
        if (isAlone) return WhenShort == WhenShort.Accept ? ulong.MaxValue : 0;
        ulong confirmed = Lowest(members, committed);
        return publisher.Announced is { } announced ? Math.Min(confirmed, Lowest(members, announced)) : confirmed;
    }

    /// <summary>Nobody confirms any more what waits for it: the connections that waited are told by their deadlines.</summary>
    internal void ForgetRecorded() => _recorded.Clear();

    /// <summary>The primary's clock now, in milliseconds, as far as this node can tell: at most so much too low as the newest message of it was under way.</summary>
    internal long PrimaryMilliseconds(Timestamp now) => Clock.Milliseconds + (long)(now - Clock.HeardAt).TotalMilliseconds;

    /// <summary>Hears the primary's clock. What was under way for the shortest time says most.</summary>
    internal void HearClock(long milliseconds, Timestamp now)
    {
        if (Clock.Milliseconds == 0 || milliseconds > PrimaryMilliseconds(now)) Clock = (milliseconds, now);
    }

    private static ulong Lowest(IReadOnlyList<GroupMember> members, NodeId[] set)
    {
        ulong lowest = ulong.MaxValue;
        int found = 0;
        for (int i = 0; i < members.Count; i++) // by index: an enumerator of an interface is allocated
        {
            if (!AppliedSequences.CanAcknowledge(members[i], set)) continue;
            found++;
            lowest = Math.Min(lowest, members[i].AppliedThrough);
        }
        return found == set.Length ? lowest : 0;
    }
}
