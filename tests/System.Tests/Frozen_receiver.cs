using System.Diagnostics;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 3: one that stands still does not hold up the others.</summary>
[Collection(Timed.Name)]
public sealed class Frozen_receiver
{
    // The whole machine pauses now and then; windows alternate between frozen and not, and medians are compared.
    private static readonly TimeSpan Frozen = TimeSpan.FromSeconds(5), Window = TimeSpan.FromMilliseconds(250);

    [RootFact, Trait("Demand", "A13")]
    public void A_secondary_frozen_for_five_seconds_slows_nobody_and_resynchronises_when_thawed()
    {
        // While one is frozen, the primary waits for it for up to dead-after.
        using Laboratory lab = Laboratory.Up(3, "--set", "group.dead-after=500ms", "--set", "group.lease=400ms");
        LabNode[] secondaries = [.. lab.Secondaries];
        (LabNode victim, LabNode other) = (secondaries[0], secondaries[1]);
        var free = new List<Rates>();
        var frozen = new List<Rates>();
        using var load = new Load(lab, other);

        for (int round = 0; round < TestCounts.Of("system.frozen.rounds"); round++)
        {
            load.Measure(Frozen, Window, free);
            lab.Lab("freeze", victim.Id);
            load.Measure(Frozen, Window, frozen);
            lab.Lab("thaw", victim.Id);
            lab.AwaitSynchronised(TimeSpan.FromSeconds(20));
            TestCounts.Reached("system.frozen.rounds", 1);
        }
        load.Stop();
        lab.AwaitConverged(TimeSpan.FromSeconds(20));

        double written = Median(frozen, rates => rates.Written) / Median(free, rates => rates.Written);
        double applied = Median(frozen, rates => rates.Applied) / Median(free, rates => rates.Applied);
        Assert.True(written >= 0.9, $"while a secondary was frozen the primary wrote at {written:P0} of its rate");
        Assert.True(applied >= 0.9, $"while a secondary was frozen the other one applied at {applied:P0} of its rate");
        load.AssertHeldBy(lab.Nodes);
    }

    private static double Median(List<Rates> samples, Func<Rates, double> of)
    {
        double[] sorted = [.. samples.Select(of).Order()];
        return sorted[sorted.Length / 2];
    }

    private readonly record struct Rates(double Written, double Applied);

    /// <summary>A writer that never rests: numbered keys, pipelined.</summary>
    private sealed class Load : IDisposable
    {
        private const int Keys = 50_000, Pipeline = 64;
        private readonly Laboratory _lab;
        private readonly RespClient _writer, _reader;
        private readonly Thread _thread;
        private volatile bool _stop;
        private long _written;
        private Exception? _failure;

        public Load(Laboratory lab, LabNode reader)
        {
            _lab = lab;
            _writer = lab.Connect(lab.Primary);
            _reader = lab.Connect(reader);
            _thread = new Thread(Write);
            _thread.Start();
        }

        public void Measure(TimeSpan span, TimeSpan window, List<Rates> into)
        {
            long start = Stopwatch.GetTimestamp(), lastTime = start, lastWritten = Volatile.Read(ref _written), lastApplied = Applied();
            while (Stopwatch.GetElapsedTime(start) < span)
            {
                Thread.Sleep(window); // of the measurement
                long now = Stopwatch.GetTimestamp(), written = Volatile.Read(ref _written), applied = Applied();
                double seconds = Stopwatch.GetElapsedTime(lastTime, now).TotalSeconds;
                into.Add(new Rates((written - lastWritten) / seconds, (applied - lastApplied) / seconds));
                (lastTime, lastWritten, lastApplied) = (now, written, applied);
            }
            Assert.True(_failure is null, $"writing failed: {_failure}");
        }

        public void Stop()
        {
            _stop = true;
            _thread.Join();
            Assert.True(_failure is null, $"writing failed: {_failure}");
        }

        public void AssertHeldBy(IEnumerable<LabNode> nodes)
        {
            foreach (LabNode node in nodes)
            {
                using RespClient reader = _lab.Connect(node);
                long newest = _written - 1;
                for (long i = Math.Max(0, newest - 1000); i <= newest; i++)
                    Assert.Equal(i.ToString(), reader.Call("GET", $"k:{i % Keys}").Text);
            }
        }

        public void Dispose()
        {
            _stop = true;
            _thread.Join();
            _writer.Dispose();
            _reader.Dispose();
        }

        // The newest number visible on the other secondary: a counter key written with each pipeline.
        private long Applied() => long.TryParse(_reader.Call("GET", "newest").Text, out long value) ? value : 0;

        private void Write()
        {
            try
            {
                while (!_stop)
                {
                    for (int i = 0; i < Pipeline; i++) _writer.Queue("SET", $"k:{(_written + i) % Keys}", (_written + i).ToString());
                    _writer.Queue("SET", "newest", (_written + Pipeline).ToString());
                    _writer.Flush();
                    for (int i = 0; i <= Pipeline; i++)
                    {
                        RespReply reply = _writer.Read();
                        if (reply.IsError) throw new InvalidOperationException(reply.Text);
                    }
                    Volatile.Write(ref _written, _written + Pipeline);
                }
            }
            catch (Exception exception)
            {
                _failure = exception;
            }
        }
    }
}
