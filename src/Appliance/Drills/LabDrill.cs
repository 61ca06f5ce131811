using System.Globalization;
using Appliance.Admin;
using Appliance.Interop;
using Appliance.Lab;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Drills;

/// <summary>A drill in a laboratory: breaks the primary of a service under real sessions, measures, mends, and waits until the broken node is a secondary again. Other commands on the laboratory come between its steps.</summary>
internal sealed class LabDrill
{
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(700), Look = TimeSpan.FromMilliseconds(50), TakeoverPatience = TimeSpan.FromSeconds(20), ReturnPatience = TimeSpan.FromSeconds(60);
    private readonly string _name;
    private readonly string _service;
    private readonly DrillFault _fault;

    /// <param name="name">The laboratory, which is up.</param>
    /// <param name="service">The service; null: the laboratory's first.</param>
    /// <param name="fault">What to break.</param>
    /// <exception cref="LabException">There is no such laboratory, service or card.</exception>
    internal LabDrill(string name, string? service, DrillFault fault)
    {
        (_name, _fault) = (name, fault);
        using Laboratory lab = Laboratory.Open(name);
        if (lab.IsLoopback) throw new LabException("a drill needs namespaces: on loopback a service has no address that could move");
        if (fault.Card is { } card && !LabNetwork.Cards.Contains(card)) throw new LabException($"a node has no card '{card}': {string.Join(", ", LabNetwork.Cards)}");
        IReadOnlyList<LabReport.Service> services = lab.ReportAsync().GetAwaiter().GetResult().Services;
        _service = service ?? services[0].Name;
        if (services.All(known => known.Name != _service)) throw new LabException($"there is no service '{_service}': {string.Join(", ", services.Select(static known => known.Name))}");
    }

    /// <summary>Runs all rounds and keeps the report in the laboratory's directory. A round that fails is the last one.</summary>
    /// <param name="times">How many.</param>
    /// <param name="progress">Told of each round as it ends.</param>
    internal async Task<DrillReport> RunAsync(int times, Action<DrillRound> progress)
    {
        DateTimeOffset at = DateTimeOffset.UtcNow;
        var rounds = new List<DrillRound>();
        while (rounds.Count < times && rounds.All(static round => round.Failure is null))
        {
            rounds.Add(await RunRoundAsync(rounds.Count + 1).ConfigureAwait(false));
            progress(rounds[^1]);
        }
        var report = new DrillReport { At = at, Laboratory = _name, Service = _service, Fault = _fault.Name, Card = _fault.Card, Rounds = rounds };
        using Laboratory lab = Laboratory.Open(_name);
        new DrillHistory(lab.Home).Add(report);
        return report;
    }

    private async Task<DrillRound> RunRoundAsync(int number)
    {
        await WithAsync(static lab => lab.AwaitReadyAsync()).ConfigureAwait(false);
        LabReport before = await AskAsync(static lab => lab.ReportAsync()).ConfigureAwait(false);
        LabReport.Service service = before.Services.First(known => known.Name == _service);
        if (service.Primary.Length == 0) throw new LabException($"service {_service} has no primary: nothing was broken");
        var round = new DrillRound { Round = number, Primary = service.Primary };
        using ProberProcess prober = await ProberProcess.StartAsync(before.Client.Namespace, [.. service.Listeners.Where(static door => door.Type != "tls").Select(door => new ProbeTarget(door.Name, door.Type, service.Address, door.Port))]).ConfigureAwait(false);
        ulong term = (await LookAsync(service.Primary).ConfigureAwait(false))?.Term ?? 0;
        round = round with { Load = Load() };
        Timestamp from = EventLoop.ReadClock();
        string? successor;
        bool mended = false;
        try
        {
            await WithAsync(lab => BreakAsync(lab, service.Primary, before)).ConfigureAwait(false);
            successor = await AwaitSuccessorAsync(service.Primary, term).ConfigureAwait(false);
            Timestamp until = EventLoop.ReadClock() + Settle;
            await Task.Delay(Settle).ConfigureAwait(false); // the measurement goes on: sessions find the new primary; what the repair disturbs is not measured
            await WithAsync(lab => MendAsync(lab, service.Primary)).ConfigureAwait(false);
            mended = true;
            bool returned = await AwaitReturnAsync(service.Primary).ConfigureAwait(false);
            ProbeReport probe = await prober.EndAsync(from, until).ConfigureAwait(false);
            round = RoundResult.Of(round, successor, await TakeoversAsync().ConfigureAwait(false), probe) with { Returned = returned };
            return round with { Failure = successor is null ? Words($"nobody took the service over within {TakeoverPatience.TotalSeconds:0} s") : returned ? null : Words($"{service.Primary} is no synchronised secondary {ReturnPatience.TotalSeconds:0} s after the repair") };
        }
        catch (LabException failure)
        {
            return round with { Failure = failure.Message };
        }
        finally
        {
            if (!mended) await WithAsync(lab => MendAsync(lab, service.Primary)).ConfigureAwait(false);
        }
    }

    private Task BreakAsync(Laboratory lab, string primary, LabReport report)
    {
        switch (_fault.Kind)
        {
            case FaultKind.Kill: lab.Kill(primary); break;
            case FaultKind.Freeze: lab.Freeze(primary); break;
            case FaultKind.Partition: lab.Partition([primary], [.. report.Nodes.Select(static node => node.Id).Where(id => id != primary)], oneWay: false); break;
            default: lab.SetCable(primary, _fault.Card, plugged: false); break;
        }
        return Task.CompletedTask;
    }

    private Task MendAsync(Laboratory lab, string primary)
    {
        switch (_fault.Kind)
        {
            case FaultKind.Kill: return lab.IsDown(primary) ? lab.StartAsync(primary) : Task.CompletedTask;
            case FaultKind.Freeze: lab.Thaw(primary); break;
            case FaultKind.Partition: lab.Rejoin(); break;
            default: lab.SetCable(primary, _fault.Card, plugged: true); break;
        }
        return Task.CompletedTask;
    }

    private async Task<string?> AwaitSuccessorAsync(string broken, ulong term)
    {
        string? successor = null;
        await Polling.UntilAsync(TakeoverPatience, async () =>
        {
            successor = (await AskAsync(static lab => lab.ViewsAsync()).ConfigureAwait(false)).FirstOrDefault(view => view.Node.Id != broken && Service(view.Status) is { Serving: true } service && service.Term > term).Node?.Id;
            return successor is not null;
        }, Look).ConfigureAwait(false);
        return successor;
    }

    private Task<bool> AwaitReturnAsync(string broken) =>
        Polling.UntilAsync(ReturnPatience, async () => await LookAsync(broken).ConfigureAwait(false) is { Role: "secondary", Complete: true }, Look);

    private async Task<IReadOnlyList<TakeoverStatus>> TakeoversAsync() =>
        [.. (await AskAsync(static lab => lab.ViewsAsync()).ConfigureAwait(false)).SelectMany(static view => view.Status?.Failovers ?? []).Where(takeover => takeover.Service == _service)];

    private async Task<ServiceStatus?> LookAsync(string node) =>
        Service((await AskAsync(static lab => lab.ViewsAsync()).ConfigureAwait(false)).First(view => view.Node.Id == node).Status);

    private ServiceStatus? Service(NodeStatus? status) => status?.Services.FirstOrDefault(service => service.Name == _service);

    private async Task WithAsync(Func<Laboratory, Task> act)
    {
        using Laboratory lab = Laboratory.Open(_name);
        await act(lab).ConfigureAwait(false);
    }

    private async Task<T> AskAsync<T>(Func<Laboratory, Task<T>> ask)
    {
        using Laboratory lab = Laboratory.Open(_name);
        return await ask(lab).ConfigureAwait(false);
    }

    private static double Load() => double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);

    private static string Words(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
