using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Appliance.Lab;
using Appliance.Multicast;

namespace Appliance.Drills;

/// <summary>The prober as the drill sees it.</summary>
internal sealed class ProberProcess : IDisposable
{
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly Task<string> _errors;

    private ProberProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Starts it; every session runs when this returns.</summary>
    /// <param name="networkNamespace">Where its clients are; empty: here.</param>
    /// <param name="targets">The listeners.</param>
    /// <exception cref="LabException">It does not come to that.</exception>
    internal static async Task<ProberProcess> StartAsync(string networkNamespace, ProbeTarget[] targets)
    {
        string[] command = [.. LabProgram.Command, "drill", "probe", JsonSerializer.Serialize(targets, DrillJson.Default.ProbeTargetArray)];
        if (networkNamespace.Length > 0) command = [.. LabNetwork.Inside(networkNamespace, command)];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        var prober = new ProberProcess(Process.Start(start) ?? throw new LabException("the prober could not be started"));
        try
        {
            if (await prober._process.StandardOutput.ReadLineAsync().ConfigureAwait(false) != Prober.Ready) throw await prober.FailureAsync().ConfigureAwait(false);
            return prober;
        }
        catch
        {
            prober.Dispose();
            throw;
        }
    }

    /// <summary>Ends the sessions and takes the report.</summary>
    /// <param name="from">When the fault was made.</param>
    /// <param name="until">When the service had long been back.</param>
    /// <exception cref="LabException">It has none.</exception>
    internal async Task<ProbeReport> EndAsync(Timestamp from, Timestamp until)
    {
        await _process.StandardInput.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"end {from.Nanoseconds / 1000} {until.Nanoseconds / 1000}")).ConfigureAwait(false);
        await _process.StandardInput.FlushAsync().ConfigureAwait(false);
        try
        {
            return await _process.StandardOutput.ReadLineAsync().WaitAsync(EndPatience).ConfigureAwait(false) is { } line ? JsonSerializer.Deserialize(line, DrillJson.Default.ProbeReport)! : throw await FailureAsync().ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new LabException($"the prober has not read back what was acknowledged within {EndPatience.TotalSeconds:0} s");
        }
    }

    /// <summary>Ends it, if it has not ended.</summary>
    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private async Task<LabException> FailureAsync()
    {
        string errors = await _errors.ConfigureAwait(false);
        return new LabException($"the prober ended: {(errors.Length == 0 ? "it said nothing" : errors.Trim())}");
    }
}
