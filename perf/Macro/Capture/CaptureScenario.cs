using System.Diagnostics;
using System.Globalization;
using Appliance.Perf.Macro.Interop;
using Appliance.TcpStateMirror.Capture;
using Appliance.TcpStateMirror.Flows;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Capture;

/// <summary>The ring against a C program on libpcap's dispatch loop: processor time of the reading thread per packet, drops, allocation.</summary>
internal sealed class CaptureScenario : IScenario
{
    private const string Namespace = "appliance-bench-capture", Near = "near", Far = "far";
    private const int RingMegabytes = 64;

    public string Name => "capture";

    public string Summary => "AF_PACKET ring against libpcap's dispatch: processor time per packet, drops, allocation";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        string peer = Build();
        Shell.Try(TimeSpan.FromSeconds(5), "ip", "netns", "delete", Namespace);
        Shell.Run("ip", "netns", "add", Namespace);
        try
        {
            Shell.Run("ip", "-n", Namespace, "link", "add", Near, "type", "veth", "peer", "name", Far);
            foreach (string card in new[] { Near, Far }) Shell.Run("ip", "-n", Namespace, "link", "set", "dev", card, "up");
            return Measure(peer, options.Quick ? 1 : 5, options.Quick ? 0.5 : 2);
        }
        finally
        {
            Shell.Try(TimeSpan.FromSeconds(5), "ip", "netns", "delete", Namespace);
            Directory.Delete(Path.GetDirectoryName(peer)!, recursive: true);
        }
    }

    private static List<Figure> Measure(string peer, int rounds, double seconds)
    {
        List<double> libpcap = [], ring = [], followed = [], rates = [];
        long allocated = 0, packets = 0, drops = 0, libpcapDrops = 0;
        var counting = new Totals();
        var following = new FlowTable<Nowhere>(new FlowTableOptions(), default);
        for (int round = -1; round < rounds; round++)
        {
            (double pcapCost, long pcapDropped) = Libpcap(peer, seconds);
            Outcome bare = Ours(peer, seconds, new CountingHandler(counting), () => counting.Packets), table = Ours(peer, seconds, new TableHandler(following), () => following.Counters.Frames);
            if (round < 0) continue; // the compiler is at work, and the table makes its records
            libpcap.Add(pcapCost);
            ring.Add(bare.Nanoseconds);
            followed.Add(table.Nanoseconds);
            rates.Add(bare.Rate);
            allocated += bare.Allocated + table.Allocated;
            packets += bare.Packets + table.Packets;
            drops += bare.Drops + table.Drops;
            libpcapDrops += pcapDropped;
        }
        double Ratio(List<double> ours) => Statistics.Median([.. ours.Zip(libpcap, static (our, their) => our / their)]);
        return
        [
            Figure.Of("libpcap dispatch, per packet", libpcap, "ns"),
            Figure.Of("ring, per packet", ring, "ns", Ratio(ring), 0.5, targetIsLimit: true),
            Figure.Of("ring, parser and flow table, per packet", followed, "ns", Ratio(followed)),
            Figure.Of("generator", rates, "packets/s"),
            Figure.Of("dropped", [drops], "packets", target: 0, targetIsLimit: true),
            Figure.Of("dropped by libpcap", [libpcapDrops], "packets"),
            Figure.Of("allocated per packet", [(double)allocated / packets], "B", target: 0.01, targetIsLimit: true),
        ];
    }

    private static (double Nanoseconds, long Drops) Libpcap(string peer, double seconds)
    {
        using Process capture = Start(peer, "pcap", Near, seconds + 1);
        if (capture.StandardOutput.ReadLine() != "ready") throw new InvalidOperationException("libpcap cannot capture");
        Blast(peer, seconds);
        string[] figures = capture.StandardOutput.ReadLine()!.Split(' ');
        return (Number(figures[1]) / (double)Number(figures[0]), Number(figures[2]));
    }

    private static Outcome Ours<THandler>(string peer, double seconds, THandler handler, Func<long> count) where THandler : IFrameHandler
    {
        using PacketRing ring = NetworkNamespace.Run(Namespace, static () => PacketRing.Open(Near, CaptureFilter.Everything, RingMegabytes));
        long nanoseconds = 0, allocated = 0, earlier = count();
        var thread = new Thread(() =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread(), start = ThreadClock.Now();
            while (ring.Read(handler))
            {
            }
            nanoseconds = ThreadClock.Now() - start;
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        });
        thread.Start();
        double rate = Blast(peer, seconds);
        ring.Stop();
        thread.Join();
        long packets = count() - earlier;
        return new Outcome((double)nanoseconds / packets, packets, allocated, ring.Drops, rate);
    }

    private static double Blast(string peer, double seconds)
    {
        using Process blast = Start(peer, "blast", Far, seconds);
        string[] figures = blast.StandardOutput.ReadLine()!.Split(' ');
        blast.WaitForExit();
        return Number(figures[0]) * 1e9 / Number(figures[1]);
    }

    private static Process Start(string peer, string mode, string card, double seconds) =>
        Process.Start(new ProcessStartInfo("nsenter", [$"--net=/run/netns/{Namespace}", peer, mode, card, seconds.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true })!;

    private static string Build()
    {
        string peer = Path.Combine(Directory.CreateTempSubdirectory("appliance-capture-").FullName, "capture_peer");
        Shell.Run("gcc", "-O2", "-o", peer, Path.Combine(AppContext.BaseDirectory, "capture_peer.c"), "-l:libpcap.so.0.8");
        return peer;
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private readonly record struct Outcome(double Nanoseconds, long Packets, long Allocated, long Drops, double Rate);

    private sealed class Totals
    {
        public long Packets, Bytes;
    }

    // A structure, so that the loop over a block is compiled for it.
    private readonly struct CountingHandler(Totals totals) : IFrameHandler
    {
        public void OnFrame(scoped in CapturedFrame frame)
        {
            totals.Packets++;
            totals.Bytes += frame.OriginalBytes + frame.Bytes[0];
        }
    }

    // The same for the table.
    private readonly struct TableHandler(FlowTable<Nowhere> table) : IFrameHandler
    {
        public void OnFrame(scoped in CapturedFrame frame) => table.OnFrame(in frame);
    }

    private readonly struct Nowhere : IFlowSink
    {
        public void OnEnded(Flow flow, FlowEnd end)
        {
        }
    }
}
