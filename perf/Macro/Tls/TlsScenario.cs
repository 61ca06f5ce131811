using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.RegularExpressions;
using Appliance.Lab;
using Appliance.Perf.Macro.Redis;
using Appliance.Perf.Macro.Relay;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Tls;

/// <summary>
/// The TLS listener beside HAProxy, nginx and Kestrel, each in front of the same plain server: processor time for a gigabyte of TLS 1.3, and for handshakes made by
/// <c>openssl s_time</c>. Processor time and not throughput, for the clients need most of the two processors.
/// </summary>
internal sealed partial class TlsScenario : IScenario
{
    private const int ChunkBytes = 256 << 10;

    public string Name => "tls";

    public string Summary => "TLS listener: bulk and handshakes, beside HAProxy, nginx and Kestrel's UseHttps";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("appliance-tls-bench");
        using Socket server = Listening();
        int plain = ((IPEndPoint)server.LocalEndPoint!).Port;
        string certificate = Path.Combine(directory.FullName, "tls.pem");
        LabCertificate.Write(certificate, ["127.0.0.1"]);
        List<Side> sides = [Side.Ours("ours", "relay-host", plain, certificate), Side.Ours("Kestrel", "tls-kestrel-host", plain, certificate)];
        if (File.Exists("/usr/sbin/haproxy")) sides.Add(Side.HaProxy(plain, certificate, directory.FullName));
        if (File.Exists("/usr/sbin/nginx") && File.Exists(Side.NginxStreams)) sides.Add(Side.Nginx(plain, certificate, directory.FullName));
        try
        {
            foreach (Figure figure in Measure(server, sides, options)) yield return figure;
        }
        finally
        {
            foreach (Side side in sides) side.Dispose();
            directory.Delete(recursive: true);
        }
    }

    private static IEnumerable<Figure> Measure(Socket server, List<Side> sides, ScenarioOptions options)
    {
        long bytes = options.Quick ? 64L << 20 : 1L << 30;
        int rounds = options.Quick ? 1 : 5;
        (string Name, string[] Options)[] handshakes = [("TLS 1.2 full", ["-new", "-tls1_2"]), ("TLS 1.2 resumed", ["-reuse", "-tls1_2"]), ("TLS 1.3 full", ["-new", "-tls1_3"])];
        var results = new Dictionary<(Side, string), List<double>>();
        for (int round = options.Quick ? 0 : -1; round < rounds; round++)
        {
            foreach (Side side in sides)
            {
                Note(side, "bulk", Bulk(server, side, bytes), round);
                if (side.Name == "Kestrel") continue; // its handler speaks in one direction only, and its connections end when the server's do
                foreach ((string name, string[] arguments) in handshakes) Note(side, name, Handshakes(server, side, arguments, options.Quick ? 1 : 3), round);
            }
        }
        foreach ((string what, string unit) in handshakes.Select(static kind => (kind.Name, "us/handshake")).Prepend(("bulk", "s/GB")))
        {
            foreach (Side side in sides.Where(side => results.ContainsKey((side, what))))
            {
                double own = Statistics.Median(results[(sides[0], what)]);
                double? target = side == sides[0] ? null : (what, side.Name) switch { ("bulk", "Kestrel") => 1.3, ("bulk", "HAProxy") => 1.0, _ => null };
                yield return Figure.Of($"{what}, {side.Name}, CPU", results[(side, what)], unit, side == sides[0] ? null : Statistics.Median(results[(side, what)]) / own, target);
            }
        }

        void Note(Side side, string what, double value, int round)
        {
            if (round < 0) return; // warms up
            if (!results.TryGetValue((side, what), out List<double>? values)) results.Add((side, what), values = []);
            values.Add(value);
        }
    }

    // Processor seconds of the side for a gigabyte from the server to the client.
    private static double Bulk(Socket listening, Side side, long bytes)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, side.Port);
        using var client = new SslStream(new NetworkStream(socket), false, static (_, _, _, _) => true);
        client.AuthenticateAsClient(new SslClientAuthenticationOptions { TargetHost = "localhost", EnabledSslProtocols = SslProtocols.Tls13, CipherSuitesPolicy = new CipherSuitesPolicy([TlsCipherSuite.TLS_AES_256_GCM_SHA384]) });
        using Socket server = listening.Accept();
        double before = CpuTime.Seconds([side.Id]);
        var sending = new Thread(() =>
        {
            var chunk = new byte[ChunkBytes];
            for (long sent = 0; sent < bytes;) sent += server.Send(chunk, 0, (int)Math.Min(chunk.Length, bytes - sent), SocketFlags.None);
        });
        sending.Start();
        var buffer = new byte[ChunkBytes];
        for (long received = 0; received < bytes;)
        {
            int count = client.Read(buffer);
            if (count == 0) throw new InvalidOperationException($"{side.Name} ended after {received} of {bytes} bytes");
            received += count;
        }
        double used = CpuTime.Seconds([side.Id]) - before;
        sending.Join();
        return used / (bytes / 1e9);
    }

    // Processor microseconds of the side for a handshake, with the connection to the server that follows it.
    private static double Handshakes(Socket listening, Side side, string[] arguments, int seconds)
    {
        bool ended = false;
        var accepting = new Thread(() =>
        {
            while (!Volatile.Read(ref ended))
                if (listening.Poll(TimeSpan.FromMilliseconds(20), SelectMode.SelectRead)) listening.Accept().Dispose();
        });
        accepting.Start();
        double before = CpuTime.Seconds([side.Id]);
        var start = new ProcessStartInfo("openssl", ["s_time", "-connect", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{side.Port}"), "-time", seconds.ToString(CultureInfo.InvariantCulture), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process client = Process.Start(start)!;
        _ = client.StandardError.ReadToEndAsync();
        string output = client.StandardOutput.ReadToEnd();
        client.WaitForExit();
        double used = CpuTime.Seconds([side.Id]) - before;
        Volatile.Write(ref ended, true);
        accepting.Join();
        while (listening.Poll(TimeSpan.FromMilliseconds(200), SelectMode.SelectRead)) listening.Accept().Dispose(); // what is still under way must not meet the next measurement
        Match count = Count().Match(output);
        return count.Success ? used / int.Parse(count.Groups[1].Value, CultureInfo.InvariantCulture) * 1e6 : throw new InvalidOperationException($"openssl s_time said: {output}");
    }

    private static Socket Listening()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(1024);
        return socket;
    }

    [GeneratedRegex(@"(\d+) connections in \d+ real seconds")]
    private static partial Regex Count();

    /// <summary>A process that terminates TLS.</summary>
    private sealed class Side : IDisposable
    {
        /// <summary>The module that lets nginx relay TCP.</summary>
        internal const string NginxStreams = "/usr/lib/nginx/modules/ngx_stream_module.so";

        private readonly Process _process;

        private Side(string name, int port, Process process)
        {
            Name = name;
            Port = port;
            _process = process;
        }

        internal string Name { get; }

        internal int Port { get; }

        internal int Id => _process.Id;

        internal static Side Ours(string name, string scenario, int server, string certificate)
        {
            int port = FreePort();
            var start = new ProcessStartInfo(Environment.ProcessPath!, [Environment.GetCommandLineArgs()[0], scenario]) { RedirectStandardInput = true, RedirectStandardOutput = true };
            if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) != "dotnet") start.ArgumentList.RemoveAt(0);
            start.Environment[RelayHost.PortVariable] = port.ToString(CultureInfo.InvariantCulture);
            start.Environment[RelayHost.ServerVariable] = server.ToString(CultureInfo.InvariantCulture);
            start.Environment[RelayHost.CertificateVariable] = certificate;
            Process process = Process.Start(start)!;
            return process.StandardOutput.ReadLine() == "ready" ? new Side(name, port, process) : throw new InvalidOperationException($"{name} does not start");
        }

        internal static Side HaProxy(int server, string certificate, string directory)
        {
            int port = FreePort();
            string file = Path.Combine(directory, "haproxy.cfg");
            File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $"""
                global
                  maxconn 4000
                  nbthread 1
                  tune.ssl.cachesize 20000
                defaults
                  mode tcp
                  timeout connect 5s
                  timeout client 60s
                  timeout server 60s
                frontend tls
                  bind 127.0.0.1:{port} ssl crt {certificate} ssl-min-ver TLSv1.2
                  default_backend plain
                backend plain
                  server one 127.0.0.1:{server}

                """));
            return Start("HAProxy", port, "/usr/sbin/haproxy", "-db", "-f", file);
        }

        internal static Side Nginx(int server, string certificate, string directory)
        {
            int port = FreePort();
            string file = Path.Combine(directory, "nginx.conf");
            File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $$"""
                load_module {{NginxStreams}};
                daemon off;
                master_process off;
                pid {{directory}}/nginx.pid;
                error_log stderr crit;
                events { worker_connections 4000; }
                stream {
                  server {
                    listen 127.0.0.1:{{port}} ssl;
                    ssl_certificate {{certificate}};
                    ssl_certificate_key {{certificate}};
                    ssl_protocols TLSv1.2 TLSv1.3;
                    ssl_session_cache shared:sessions:10m;
                    proxy_pass 127.0.0.1:{{server}};
                  }
                }

                """));
            return Start("nginx", port, "/usr/sbin/nginx", "-c", file, "-p", directory);
        }

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }

        private static Side Start(string name, int port, string program, params string[] arguments)
        {
            Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true })!;
            for (int attempt = 0; attempt < 200; attempt++)
            {
                using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    probe.Connect(IPAddress.Loopback, port);
                    return new Side(name, port, process);
                }
                catch (SocketException)
                {
                    Thread.Sleep(20);
                }
            }
            throw new InvalidOperationException($"{name} does not start");
        }

        private static int FreePort()
        {
            using Socket socket = Listening();
            return ((IPEndPoint)socket.LocalEndPoint!).Port;
        }
    }
}
