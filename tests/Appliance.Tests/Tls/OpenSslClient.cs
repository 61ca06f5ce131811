using System.Diagnostics;
using System.Net;
using System.Text;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Tls;

/// <summary>OpenSSL's own client (openssl-s_client(1)), which goes on until it is told to end or its server ends the connection.</summary>
internal sealed class OpenSslClient : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly Process _process;
    private readonly StringBuilder _output = new();

    internal OpenSslClient(IPEndPoint server, params string[] options)
    {
        _process = Process.Start(new ProcessStartInfo("openssl", ["s_client", "-connect", server.ToString(), .. options]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    private string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <summary>Shakes hands, takes the session if it is asked for one, and ends.</summary>
    /// <returns>All it said: "New, TLSv..." or "Reused, TLSv..." among it, where there was a handshake.</returns>
    internal static string Handshake(IPEndPoint server, params string[] options)
    {
        using var client = new OpenSslClient(server, options);
        client.AwaitHandshake();
        int session = Array.IndexOf(options, "-sess_out") + 1;
        if (session > 0) client.Await($"it writes {options[session]}", _ => File.Exists(options[session]) && new FileInfo(options[session]).Length > 0);
        return client.End();
    }

    /// <summary>Waits until it has shaken hands, or has ended.</summary>
    internal void AwaitHandshake() => Await("it shakes hands", static output => output.Contains("New, TLSv", StringComparison.Ordinal) || output.Contains("Reused, TLSv", StringComparison.Ordinal));

    /// <summary>Waits until it has received a word, or has ended.</summary>
    internal void AwaitWord(string word) => Await($"it receives {word}", output => output.Contains(word, StringComparison.Ordinal));

    /// <summary>Types a line.</summary>
    internal void Type(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>Waits until its server has ended the connection.</summary>
    internal void AwaitEnd() => Assert.True(_process.WaitForExit(Limit), $"its server does not end the connection: {Output}");

    /// <summary>Ends it.</summary>
    /// <returns>All it said.</returns>
    internal string End()
    {
        _process.StandardInput.Close();
        Assert.True(_process.WaitForExit(Limit), $"openssl does not end: {Output}");
        _process.WaitForExit(); // until the last line is read
        return Output;
    }

    public void Dispose()
    {
        _process.Kill(); // nothing, where it has ended
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Await(string what, Func<string, bool> condition) => Until.True(what, Limit, () => condition(Output) || _process.HasExited);

    private void Append(string? line)
    {
        lock (_output) _output.AppendLine(line);
    }
}
