using System.Globalization;
using System.Net;
using System.Text.Json;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Drills;

/// <summary>
/// The clients of a drill, in a process and a network namespace of their own. Says <see cref="Ready"/> once every session and probe is answered; ends with the line <c>end FROM UNTIL</c> on its input (microseconds of
/// the boot clock: when the fault was made, when the service had long been back), reads back what was acknowledged, and prints a <see cref="ProbeReport"/>. The end of its input ends it too.
/// </summary>
internal sealed class Prober : IDisposable
{
    /// <summary>What it prints when every session and probe is answered.</summary>
    internal const string Ready = "ready";

    private const int Priority = 5;
    private static readonly TimeSpan PingInterval = TimeSpan.FromMilliseconds(1), GetInterval = TimeSpan.FromMilliseconds(10), StartPatience = TimeSpan.FromSeconds(20);
    private readonly EventLoop _loop = new();
    private readonly List<(ProbeTarget Target, ConnectProbe Probe)> _probes = [];
    private readonly List<PurchaseSession> _purchases = [];
    private readonly List<DrillSession> _sessions = [];
    private readonly EchoProbe? _echo;
    private readonly Thread _thread;

    private Prober(IReadOnlyList<ProbeTarget> targets)
    {
        foreach (ProbeTarget target in targets)
        {
            var endPoint = new IPEndPoint(IPAddress.Parse(target.Address), target.Port);
            bool isResp = target.Type == "resp";
            var probe = isResp
                ? new ConnectProbe(_loop, endPoint, "PING\r\n"u8.ToArray(), "+PONG"u8.ToArray(), PingInterval)
                : new ConnectProbe(_loop, endPoint, "GET /healthz HTTP/1.1\r\nHost: drill\r\nConnection: close\r\n\r\n"u8.ToArray(), "HTTP/1.1 200"u8.ToArray(), GetInterval);
            _loop.Add(probe);
            _probes.Add((target, probe));
            if (isResp) _purchases.Add(new(endPoint, string.Create(CultureInfo.InvariantCulture, $"cart:drill:{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()}:{target.Name}:")));
            else _sessions.Add(new DownloadSession(endPoint, "/big"));
        }
        _sessions.AddRange(_purchases);
        if (targets.Count > 0) _echo = EchoProbe.TryStart(_loop, IPAddress.Parse(targets[0].Address), PingInterval);
        _thread = new Thread(Turn) { Name = "probes", IsBackground = true };
    }

    /// <summary>The whole life of the process.</summary>
    internal static int Run(string targets, TextReader input, TextWriter output)
    {
        using var prober = new Prober(JsonSerializer.Deserialize(targets, DrillJson.Default.ProbeTargetArray)!);
        prober.Start();
        output.WriteLine(Ready);
        output.Flush();
        if (input.ReadLine()?.Split(' ') is not ["end", var from, var until]) return Commands.ExitCode.Failed;
        ProbeReport report = prober.End(Time(from), Time(until));
        output.WriteLine(JsonSerializer.Serialize(report, DrillJson.Default.ProbeReport));
        return Commands.ExitCode.Done;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _echo?.Dispose();
        _loop.Dispose();
    }

    private static Timestamp Time(string microseconds) => new(long.Parse(microseconds, CultureInfo.InvariantCulture) * 1000);

    private void Start()
    {
        foreach (DrillSession session in _sessions) session.Start();
        _thread.Start();
        Task[] running = [.. _sessions.Select(static session => session.Times.Running), .. _probes.Select(static probed => probed.Probe.Times.Running)];
        if (!Task.WaitAll(running, StartPatience)) throw new Commands.CommandException("the service does not answer its clients before the drill: nothing was broken");
    }

    private ProbeReport End(Timestamp from, Timestamp until)
    {
        foreach (DrillSession session in _sessions) session.End();
        _loop.RequestStop();
        _thread.Join();
        int lost = _purchases.Sum(static session => session.CountLost());
        return new ProbeReport(
            [.. _probes.Select(probed => new ListenerGap(probed.Target.Name, probed.Target.Type, GapReport.Of(probed.Probe.Times.LongestGap(from, until)), probed.Probe.Times.Started, probed.Probe.Times.Succeeded, probed.Probe.Times.Refused))],
            GapReport.Of(_echo?.Times.LongestGap(from, until)),
            _purchases.Sum(static session => session.Acknowledged), lost, _purchases.Sum(static session => session.Refused), _purchases.Sum(static session => session.Unknown),
            _sessions.Count,
            _sessions.Count(static session => session.Resumed > 0),
            _sessions.Count(session => session.Survived && session.Times.LongestGap(from, until) is not null));
    }

    private void Turn()
    {
        RealtimePriority.Take(Priority); // where it may not, its lateness says what that costs
        _loop.Run();
    }
}
