using System.Diagnostics;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>A program that runs in a namespace until it is ended.</summary>
internal sealed class RunningProgram : IDisposable
{
    private readonly Process _process;

    internal RunningProgram(string networkNamespace, params string[] command)
    {
        var start = new ProcessStartInfo("nsenter", [$"--net=/run/netns/{networkNamespace}", .. command]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        _process = Process.Start(start)!;
        _process.OutputDataReceived += static (_, _) => { };
        _process.BeginOutputReadLine();
    }

    /// <summary>Waits for a line on its standard error.</summary>
    internal void AwaitError(string part)
    {
        while (_process.StandardError.ReadLine() is { } line)
        {
            if (line.Contains(part, StringComparison.Ordinal)) return;
        }
        throw new InvalidOperationException($"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} ended without '{part}'");
    }

    /// <summary>Asks it to end (SIGTERM to the very program: nsenter has become it) and waits.</summary>
    internal void End()
    {
        if (_process.HasExited) return;
        using Process kill = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(5))) _process.Kill();
    }

    public void Dispose()
    {
        End();
        _process.Dispose();
    }
}
