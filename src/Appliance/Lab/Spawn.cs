using System.Diagnostics;

namespace Appliance.Lab;

/// <summary>Runs the system's tools (ip, bridge, nft, nsenter) to their end.</summary>
internal static class Spawn
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Runs a program and returns what it printed.</summary>
    /// <exception cref="LabException">It is missing, failed, or did not end.</exception>
    internal static string Run(string program, params string[] arguments) => Run(program, null, arguments);

    /// <summary>Runs a program with a text on its standard input.</summary>
    /// <exception cref="LabException">It is missing, failed, or did not end.</exception>
    internal static string Run(string program, string? input, string[] arguments)
    {
        (int code, string output, string error) = Execute(program, input, arguments);
        return code == 0 ? output : throw new LabException($"'{program} {string.Join(' ', arguments)}' failed: {error.Trim()}");
    }

    /// <summary>Runs a program whose failure means that there was nothing to do.</summary>
    internal static bool Try(string program, params string[] arguments) => Execute(program, null, arguments).Code == 0;

    private static (int Code, string Output, string Error) Execute(string program, string? input, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new LabException($"'{program}' is missing: install it (Debian: iproute2 nftables util-linux ethtool)");
        }
        using (process)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> error = process.StandardError.ReadToEndAsync();
            if (input is not null) process.StandardInput.Write(input);
            process.StandardInput.Close();
            if (!process.WaitForExit(Patience))
            {
                process.Kill();
                throw new LabException($"'{program}' did not end within {Patience.TotalSeconds:0} s");
            }
            return (process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
        }
    }
}
