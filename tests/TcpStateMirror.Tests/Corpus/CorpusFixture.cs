using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>The network and its servers, once for all tests of the corpus: web servers by php, TLS servers by openssl.</summary>
public sealed class CorpusFixture : IDisposable
{
    internal const int Web = 8080, Tls = 4430, TlsIds = 4431, TlsRetry = 4432, Tls12Only = 4433;

    private readonly List<RunningProgram> _programs = [];
    private readonly TemporaryDirectory? _directory;
    private readonly CorpusNetwork? _network;

    /// <summary>Starts everything; nothing when not root, since the tests are then skipped.</summary>
    public CorpusFixture()
    {
        if (!Environment.IsPrivilegedProcess) return;
        _directory = new TemporaryDirectory();
        _network = new CorpusNetwork();
        string certificate = File("certificate.pem"), key = File("key.pem");
        Shell.Run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "30", "-subj", "/CN=shop.example");
        System.IO.File.WriteAllText(File("upload.php"), "<?php echo strlen(file_get_contents('php://input'));");
        byte[] large = new byte[1 << 20];
        new Random(7).NextBytes(large);
        System.IO.File.WriteAllBytes(File("large.bin"), large);
        System.IO.File.WriteAllText(File("small.txt"), "small\n");
        Start("php", "-d", "enable_post_data_reading=0", "-S", $"[::]:{Web}", "-t", _directory.Path);
        string[] server = ["openssl", "s_server", "-cert", certificate, "-key", key, "-www", "-quiet"];
        Start([.. server, "-accept", $"{Tls}", "-alpn", "http/1.1"]);
        Start([.. server, "-accept", $"{TlsIds}", "-no_ticket", "-no_tls1_3"]);
        Start([.. server, "-accept", $"{TlsRetry}", "-groups", "P-384"]);
        Start([.. server, "-accept", $"{Tls12Only}", "-no_tls1_3", "-alpn", "h2"]);
        foreach (int port in new[] { Web, Tls, TlsIds, TlsRetry, Tls12Only }) Until.True($"port {port} listens", TimeSpan.FromSeconds(10), () => Shell.RunIn(_network.Server, "ss", "-Hltn", $"sport = :{port}").Length > 0);
    }

    internal CorpusNetwork Network => _network!;

    internal string File(string name) => _directory!.File(name);

    /// <summary>Captures while something happens.</summary>
    /// <returns>The capture's file.</returns>
    internal string Capture(string name, Action happening, params string[] options)
    {
        string file = File($"{name}.pcap");
        using var capture = new CorpusCapture(Network, file, options);
        happening();
        Network.Impairment.Set(0, 0, 0);
        capture.End();
        return file;
    }

    /// <summary>curl in the client's namespace; its exit code.</summary>
    internal int Curl(params string[] arguments) => Shell.Try(TimeSpan.FromSeconds(30), "nsenter", [$"--net=/run/netns/{Network.Client}", "curl", "-sk", "-o", "/dev/null", "--max-time", "20", .. arguments]).ExitCode;

    /// <summary>openssl s_client in the client's namespace: a request, and the answer to its end.</summary>
    internal void Client(string host, int port, params string[] arguments) =>
        Shell.Try(TimeSpan.FromSeconds(30), "nsenter", [$"--net=/run/netns/{Network.Client}", "sh", "-c", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | exec openssl s_client -ign_eof -connect \"$@\"", "sh", $"{host}:{port}", .. arguments]);

    /// <summary>Ends servers and network.</summary>
    public void Dispose()
    {
        foreach (RunningProgram program in _programs) program.Dispose();
        _network?.Dispose();
        _directory?.Dispose();
    }

    private void Start(params string[] command) => _programs.Add(new RunningProgram(_network!.Server, command));
}
