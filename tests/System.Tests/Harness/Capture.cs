using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>Packets that arrive in the client's namespace, with the kernel's time stamps: tcpdump under a filter. Disposing ends it.</summary>
internal sealed class Capture : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly Process _process;
    private readonly ConcurrentQueue<(DateTime At, string Text)> _packets = [];
    private readonly ManualResetEventSlim _listening = new();

    /// <param name="lab">The laboratory.</param>
    /// <param name="filter">As pcap-filter(7) has it.</param>
    public Capture(Laboratory lab, string filter)
    {
        var start = new ProcessStartInfo("nsenter", [$"--net=/run/netns/{lab.ClientNamespace}", "tcpdump", "-i", "front", "-n", "-tt", "-l", "--immediate-mode", filter]) { RedirectStandardOutput = true, RedirectStandardError = true };
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data?.StartsWith("listening on", StringComparison.Ordinal) == true) _listening.Set();
        };
        _process.OutputDataReceived += Keep;
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        if (_listening.Wait(Limit)) return;
        Dispose();
        throw new TimeoutException($"tcpdump does not listen for '{filter}'");
    }

    /// <summary>What has arrived so far.</summary>
    public IReadOnlyCollection<(DateTime At, string Text)> Packets => _packets;

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _listening.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is not { } text || text.IndexOf(' ', StringComparison.Ordinal) is not (> 0 and int space)) return;
        _packets.Enqueue((DateTime.UnixEpoch.AddSeconds(double.Parse(text.AsSpan(0, space), CultureInfo.InvariantCulture)), text[(space + 1)..]));
    }
}
