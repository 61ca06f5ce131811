using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>Downloads and uploads by curl through the laboratory's relay, slow enough that something can happen in their middle. Disposing ends them.</summary>
internal sealed class Transfers : IDisposable
{
    private const int UploadBytes = 48 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private readonly TemporaryDirectory _directory = new();
    private readonly List<Process> _downloads = [], _uploads = [];

    public Transfers(Laboratory lab, int downloads, int uploads)
    {
        byte[] upload = new byte[UploadBytes];
        new Random(5).NextBytes(upload);
        Uploaded = Convert.ToHexStringLower(SHA256.HashData(upload));
        File.WriteAllBytes(_directory.File("upload"), upload);
        string url = $"http://{lab.ServiceAddress}:{lab.RelayPort}";
        for (int i = 0; i < downloads; i++) _downloads.Add(Begin(lab, $"{url}/big", "-o", Page(i), "--limit-rate", "8M"));
        for (int i = 0; i < uploads; i++) _uploads.Add(Begin(lab, $"{url}/sink", "-o", Answer(i), "--limit-rate", "6M", "-T", _directory.File("upload")));
    }

    /// <summary>SHA-256 of what is uploaded.</summary>
    public string Uploaded { get; }

    /// <summary>Waits until every transfer has moved so many bytes.</summary>
    public void AwaitEach(long bytes) => Until.True($"every transfer has moved {bytes} bytes", Limit, () =>
        Enumerable.Range(0, _downloads.Count).All(i => File.Exists(Page(i)) && new FileInfo(Page(i)).Length > bytes) && _uploads.All(upload => ReadBytes(upload) > bytes));

    /// <summary>SHA-256 of every download, once it has ended; a curl that failed gives its exit code.</summary>
    public IEnumerable<string> Downloaded() => [.. _downloads.Select((download, i) => Finish(download) is var code and not 0 ? Failed(code) : Hash(Page(i)))];

    /// <summary>What the server has received of every upload, by its answer.</summary>
    public IEnumerable<string> Answers() => [.. _uploads.Select((upload, i) => Finish(upload) is var code and not 0 ? Failed(code) : File.ReadAllText(Answer(i)).Trim())];

    public void Dispose()
    {
        foreach (Process curl in _downloads.Concat(_uploads))
        {
            if (!curl.HasExited) curl.Kill(entireProcessTree: true);
            curl.WaitForExit();
            curl.Dispose();
        }
        _directory.Dispose();
    }

    private static Process Begin(Laboratory lab, params string[] arguments) =>
        Process.Start(new ProcessStartInfo("nsenter", [$"--net=/run/netns/{lab.ClientNamespace}", "curl", "-sS", "--noproxy", "*", .. arguments]))!;

    // What curl has read of the file: proc_pid_io(5).
    private static long ReadBytes(Process curl) =>
        long.Parse(File.ReadLines($"/proc/{curl.Id}/io").First(static line => line.StartsWith("rchar:", StringComparison.Ordinal))[6..], CultureInfo.InvariantCulture);

    private static int Finish(Process curl) => curl.WaitForExit(Limit) ? curl.ExitCode : throw new TimeoutException("curl has not ended");

    private static string Failed(int code) => string.Create(CultureInfo.InvariantCulture, $"curl ended with {code}");

    private static string Hash(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private string Page(int index) => _directory.File(string.Create(CultureInfo.InvariantCulture, $"page{index}"));

    private string Answer(int index) => _directory.File(string.Create(CultureInfo.InvariantCulture, $"answer{index}"));
}
