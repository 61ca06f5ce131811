using System.Net;
using System.Net.Sockets;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Multicast.Transport;

public sealed class EventLoopTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public void Posted_actions_run_on_the_loop_in_order()
    {
        using var loop = new EventLoop();
        loop.Start("test");
        List<int> seen = [];
        int thread = 0;
        using var done = new ManualResetEventSlim();
        for (int i = 0; i < 100; i++)
        {
            int number = i;
            loop.Post(() => seen.Add(number));
        }
        loop.Post(() =>
        {
            thread = Environment.CurrentManagedThreadId;
            done.Set();
        });
        Assert.True(done.Wait(Patience));
        Assert.Equal(Enumerable.Range(0, 100), seen);
        Assert.NotEqual(Environment.CurrentManagedThreadId, thread);
    }

    [Fact]
    public void No_post_is_lost_when_many_threads_post()
    {
        using var loop = new EventLoop();
        loop.Start("test");
        const int threads = 4, each = 5000;
        int count = 0;
        using var done = new ManualResetEventSlim();
        Thread[] posters = [.. Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < each; i++)
                loop.Post(() =>
                {
                    if (++count == threads * each) done.Set();
                });
        }))];
        foreach (Thread poster in posters) poster.Start();
        foreach (Thread poster in posters) poster.Join();
        Assert.True(done.Wait(Patience), $"{count} of {threads * each} ran");
    }

    [Fact]
    public void An_action_that_posts_itself_does_not_stop_the_rounds()
    {
        using var loop = new EventLoop();
        bool stop = false;
        void Again()
        {
            if (!Volatile.Read(ref stop)) loop.Post(Again);
        }
        var rounds = new RoundCounter(loop, until: 10);
        loop.Add(rounds);
        loop.Post(Again);
        loop.Start("test");
        Assert.True(rounds.Reached.Wait(Patience));
        Volatile.Write(ref stop, true);
    }

    [Fact]
    public void A_round_begins_at_the_earliest_deadline_and_not_before()
    {
        using var loop = new EventLoop();
        Timestamp due = EventLoop.ReadClock() + TimeSpan.FromMilliseconds(30);
        var timer = new Timer(due);
        loop.Add(timer);
        loop.Start("test");
        Assert.True(timer.Fired.Wait(Patience));
        Assert.True(timer.FiredAt >= due);
    }

    [Fact]
    public void Those_added_as_last_act_after_all_others()
    {
        using var loop = new EventLoop();
        List<string> order = [];
        using var done = new ManualResetEventSlim();
        loop.Add(new Actor(() => { order.Add("last"); done.Set(); }), last: true);
        loop.Add(new Actor(() => { if (order.Count < 2) order.Add("first"); }));
        loop.Add(new Actor(() => { if (order.Count < 2) order.Add("second"); }));
        loop.Post(static () => { });
        loop.Start("test");
        Assert.True(done.Wait(Patience));
        loop.RequestStop();
        Assert.Equal(["first", "second", "last"], order.Take(3));
    }

    [Fact]
    public void Rounds_advance_while_the_loop_turns_and_stand_still_while_it_hangs()
    {
        using var loop = new EventLoop();
        loop.Start("test");
        using var hanging = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        loop.Post(() =>
        {
            hanging.Set();
            release.Wait();
        });
        Assert.True(hanging.Wait(Patience));
        long before = loop.Rounds;
        loop.Wake();
        Assert.Equal(before, loop.Rounds);
        release.Set();
        using var done = new ManualResetEventSlim();
        loop.Post(done.Set);
        Assert.True(done.Wait(Patience));
        Assert.True(loop.Rounds > before);
    }

    [Fact]
    public void A_readable_socket_is_reported_until_it_is_unregistered()
    {
        using var loop = new EventLoop();
        using Socket receiver = LoopbackSocket();
        using Socket sender = LoopbackSocket();
        var handler = new CountingHandler(receiver);
        int descriptor = (int)receiver.SafeHandle.DangerousGetHandle();
        loop.Register(descriptor, Readiness.Read, handler);
        loop.Start("test");
        sender.SendTo([1], receiver.LocalEndPoint!);
        Assert.True(handler.Called.Wait(Patience));
        using var gone = new ManualResetEventSlim();
        loop.Post(() =>
        {
            loop.Unregister(descriptor);
            gone.Set();
        });
        Assert.True(gone.Wait(Patience));
        int calls = handler.Calls;
        sender.SendTo([2], receiver.LocalEndPoint!);
        using var later = new ManualResetEventSlim();
        loop.Post(later.Set);
        Assert.True(later.Wait(Patience));
        Assert.Equal(calls, handler.Calls);
        Assert.True(receiver.Poll(0, SelectMode.SelectRead));
    }

    [Fact]
    public void An_event_already_fetched_does_not_reach_the_next_owner_of_the_slot()
    {
        using var loop = new EventLoop();
        using Socket first = LoopbackSocket(), second = LoopbackSocket(), third = LoopbackSocket(), sender = LoopbackSocket();
        var wrong = new CountingHandler(third);
        int swapped = 0;
        // Whichever of the two comes first removes the other, whose event is in the same batch, and registers a third.
        void Swap(Socket other)
        {
            if (swapped++ > 0) return;
            loop.Unregister((int)other.SafeHandle.DangerousGetHandle());
            loop.Register((int)third.SafeHandle.DangerousGetHandle(), Readiness.Read, wrong);
        }
        loop.Register((int)first.SafeHandle.DangerousGetHandle(), Readiness.Read, new CountingHandler(first, () => Swap(second)));
        loop.Register((int)second.SafeHandle.DangerousGetHandle(), Readiness.Read, new CountingHandler(second, () => Swap(first)));
        sender.SendTo([1], first.LocalEndPoint!);
        sender.SendTo([1], second.LocalEndPoint!);
        var rounds = new RoundCounter(loop, until: 3);
        loop.Add(rounds);
        loop.Start("test");
        Assert.True(rounds.Reached.Wait(Patience));
        Assert.Equal(1, swapped);
        Assert.Equal(0, wrong.Calls);
    }

    [Fact]
    public void Waking_a_disposed_loop_does_nothing()
    {
        var loop = new EventLoop();
        loop.Start("test");
        loop.Dispose();
        loop.Wake();
        loop.Post(static () => Assert.Fail("ran after the end"));
    }

    [Fact]
    public void Waking_allocates_nothing()
    {
        using var loop = new EventLoop();
        loop.Start("test");
        loop.Wake();
        Assert.Equal(0, Allocated.Least(() =>
        {
            for (int i = 0; i < 1000; i++) loop.Wake();
        }));
    }

    private static Socket LoopbackSocket()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private sealed class Actor(Action act) : IRoundHandler
    {
        public Timestamp NextDeadline => Timestamp.Never;

        public void OnRoundEnd(Timestamp now) => act();
    }

    private sealed class Timer(Timestamp due) : IRoundHandler
    {
        public readonly ManualResetEventSlim Fired = new();

        public Timestamp FiredAt { get; private set; }

        public Timestamp NextDeadline => Fired.IsSet ? Timestamp.Never : due;

        public void OnRoundEnd(Timestamp now)
        {
            if (Fired.IsSet || now < due) return;
            FiredAt = now;
            Fired.Set();
        }
    }

    private sealed class RoundCounter(EventLoop loop, int until) : IRoundHandler
    {
        private int _rounds;

        public readonly ManualResetEventSlim Reached = new();

        public Timestamp NextDeadline => loop.Now;

        public void OnRoundEnd(Timestamp now)
        {
            if (++_rounds == until) Reached.Set();
        }
    }

    private sealed class CountingHandler(Socket socket, Action? then = null) : IReadinessHandler
    {
        private readonly byte[] _buffer = new byte[16];

        public readonly ManualResetEventSlim Called = new();

        public int Calls { get; private set; }

        public void OnReady(Readiness ready)
        {
            Calls++;
            socket.Receive(_buffer);
            then?.Invoke();
            Called.Set();
        }
    }
}
