using System.Net;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Tests.Multicast.Transport;

/// <summary>A member of a real group with a loop of its own. What it receives is checked as it comes: message number, length and content follow from the sender's count.</summary>
internal sealed class TestMember : IGroupHandler, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // Of this process alone: tests of several trees may run on one machine at a time.
    private static readonly int Process = Environment.ProcessId;

    private readonly Dictionary<string, long> _delivered = [];
    private readonly Func<long, int> _length;
    private readonly byte[] _message;
    private long _published, _wanted;
    private bool _disposed;

    private TestMember(GroupSettings settings, Func<long, int>? length, Func<Func<MulticastGroup>, MulticastGroup>? open)
    {
        _length = length ?? (static _ => 100);
        _message = new byte[settings.MaxMessageBytes];
        MulticastGroup Open() => MulticastGroup.Start(settings, Loop, this);
        Group = open is null ? Open() : open(Open);
        Loop.Start(settings.NodeName);
    }

    internal EventLoop Loop { get; } = new();

    internal MulticastGroup Group { get; }

    internal string Name => Group.Name;

    /// <summary>What went wrong on the loop thread; null when nothing.</summary>
    internal string? Failure { get; private set; }

    internal List<(string Name, MemberChange Change)> Changes { get; } = [];

    internal long Gaps { get; private set; }

    /// <summary>Batches that ended, of all senders.</summary>
    internal long Batches { get; private set; }

    internal static IPAddress Address(int number) => IPAddress.Parse($"127.{Process >> 8 & 127}.{Process & 255}.{number}");

    internal static GroupSettings SettingsOf(string name, int number) => new()
    {
        Name = "test",
        NodeName = name,
        Incarnation = 1,
        Interface = Address(number).ToString(),
        Address = IPAddress.Parse($"239.193.{Process >> 8 & 255}.{Process & 255}"),
        Keys = [new GroupKey(1, new byte[32])],
        LockMemory = false,
    };

    /// <summary>Joins.</summary>
    /// <param name="settings">Who and how.</param>
    /// <param name="length">Length of message n; 8 at least.</param>
    /// <param name="open">Runs the opening, for example inside a network namespace.</param>
    internal static TestMember Join(GroupSettings settings, Func<long, int>? length = null, Func<Func<MulticastGroup>, MulticastGroup>? open = null) =>
        new(settings, length, open);

    /// <summary>Runs something on the loop thread.</summary>
    internal T Ask<T>(Func<T> question)
    {
        T answer = default!;
        using var done = new ManualResetEventSlim();
        Loop.Post(() =>
        {
            answer = question();
            done.Set();
        });
        Assert.True(done.Wait(Patience), $"the loop of {Name} does not answer");
        return answer;
    }

    /// <summary>Waits until something holds, asked on the loop thread.</summary>
    internal void Until(Func<bool> condition, string what)
    {
        Timestamp deadline = EventLoop.ReadClock() + Patience;
        while (!Ask(condition))
        {
            Assert.True(EventLoop.ReadClock() < deadline, $"{Name}: {what}: not within {Patience.TotalSeconds} s; {Failure}");
            Thread.Yield();
        }
    }

    internal void UntilMet(params TestMember[] others) =>
        Until(() => others.All(other => Group.Members.Any(member => member.Name == other.Name && member.State == MemberState.Live && member.WaitedFor)), "meets the others");

    internal void UntilDelivered(TestMember from, long count) => Until(() => Failure is not null || DeliveredFrom(from.Name) >= count, $"gets {count} of {from.Name}");

    internal long DeliveredFrom(string name) => _delivered.GetValueOrDefault(name);

    /// <summary>Publishes so many messages more, as fast as the window allows; returns at once.</summary>
    internal void Publish(long count) => Ask(() =>
    {
        _wanted += count;
        PublishMore();
        return true;
    });

    public void OnDeliver(GroupMember sender, ulong throughSequence, MessageRun run)
    {
        long number = _delivered.GetValueOrDefault(sender.Name);
        foreach (ReadOnlySpan<byte> message in run)
        {
            if (message.Length != _length(number) || BitConverter.ToInt64(message) != number || message[8..].ContainsAnyExcept((byte)number))
                Failure ??= $"message {number} of {sender.Name} is wrong";
            number++;
        }
        Batches++;
        _delivered[sender.Name] = number;
    }

    public void OnStreamGap(GroupMember sender, ulong from, ulong through, GapReason reason)
    {
        if (reason == GapReason.JoinedLate) return;
        Gaps++;
        Failure ??= $"gap {from}..{through} of {sender.Name}: {reason}";
    }

    public void OnMemberChanged(GroupMember member, MemberChange change) => Changes.Add((member.Name, change));

    public void OnProgress()
    {
    }

    public void OnWindowOpen() => PublishMore();

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Ask(() =>
        {
            Group.Dispose();
            return true;
        });
        Loop.Dispose();
    }

    /// <summary>Ends without a word: the loop stops, so do the heartbeats.</summary>
    internal void Crash() => Loop.Dispose();

    private void PublishMore()
    {
        while (_published < _wanted)
        {
            Span<byte> message = _message.AsSpan(0, _length(_published));
            BitConverter.TryWriteBytes(message, _published);
            message[8..].Fill((byte)_published);
            if (!Group.TryPublish(message, PublishOptions.None, out _)) return;
            _published++;
        }
    }
}
