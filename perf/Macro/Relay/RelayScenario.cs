using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Appliance.Perf.Macro.Redis;

namespace Appliance.Perf.Macro.Relay;

/// <summary>One bulk stream and one ping-pong through the relay, beside the same without it, on loopback. Client and server are threads of this process.</summary>
internal sealed class RelayScenario : IScenario
{
    private const int ChunkBytes = 256 << 10, MessageBytes = 64;

    public string Name => "relay";

    public string Summary => "TCP relay: throughput of a stream and round trip of a small message, beside a direct connection";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        using Socket server = Listening();
        int relayPort = FreePort();
        using Process relay = Start(relayPort, ((IPEndPoint)server.LocalEndPoint!).Port);
        var direct = (IPEndPoint)server.LocalEndPoint!;
        var relayed = new IPEndPoint(IPAddress.Loopback, relayPort);
        long bytes = options.Quick ? 256L << 20 : 2L << 30;
        int roundTrips = options.Quick ? 2000 : 20_000, rounds = options.Quick ? 1 : 5;
        List<double> directRates = [], relayRates = [], relayCpu = [], directTrips = [], relayTrips = [], tripCpu = [];
        for (int round = -1; round < rounds; round++)
        {
            double directRate = Stream(server, direct, bytes), before = CpuTime.Seconds([relay.Id]);
            double relayRate = Stream(server, relayed, bytes), streamed = CpuTime.Seconds([relay.Id]);
            double directTrip = PingPong(server, direct, roundTrips), asked = CpuTime.Seconds([relay.Id]);
            double relayTrip = PingPong(server, relayed, roundTrips), answered = CpuTime.Seconds([relay.Id]);
            if (round < 0 && !options.Quick) continue; // the first round warms both sides up
            directRates.Add(directRate / 1e6);
            relayRates.Add(relayRate / 1e6);
            relayCpu.Add((streamed - before) / (bytes / 1e9));
            directTrips.Add(directTrip * 1e6);
            relayTrips.Add(relayTrip * 1e6);
            tripCpu.Add((answered - asked) / roundTrips * 1e6);
        }
        relay.StandardInput.Close();
        relay.WaitForExit();
        yield return Figure.Of("direct, one stream", directRates, "MB/s");
        yield return Figure.Of("relayed, one stream", relayRates, "MB/s", Statistics.Median(relayRates) / Statistics.Median(directRates));
        yield return Figure.Of("relay CPU", relayCpu, "s/GB");
        yield return Figure.Of("direct, round trip of 64 B, median", directTrips, "us");
        yield return Figure.Of("relayed, round trip of 64 B, median", relayTrips, "us", Statistics.Median(directTrips) / Statistics.Median(relayTrips));
        yield return Figure.Of("relay CPU", tripCpu, "us/round trip");
    }

    // Bytes per second from the client's first to the server's last.
    private static double Stream(Socket listening, IPEndPoint target, long bytes)
    {
        (Socket client, Socket server) = Connect(listening, target);
        using (client)
        using (server)
        {
            long start = Stopwatch.GetTimestamp();
            var sending = new Thread(() =>
            {
                var chunk = new byte[ChunkBytes];
                for (long sent = 0; sent < bytes;) sent += client.Send(chunk, 0, (int)Math.Min(chunk.Length, bytes - sent), SocketFlags.None);
                client.Shutdown(SocketShutdown.Send);
            });
            sending.Start();
            var buffer = new byte[ChunkBytes];
            long received = 0;
            while (server.Receive(buffer) is > 0 and int count) received += count;
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            sending.Join();
            return received == bytes ? bytes / seconds : throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{received} of {bytes} bytes arrived"));
        }
    }

    // Median seconds of a round trip.
    private static double PingPong(Socket listening, IPEndPoint target, int times)
    {
        (Socket client, Socket server) = Connect(listening, target);
        using (client)
        using (server)
        {
            var echoing = new Thread(() =>
            {
                var message = new byte[MessageBytes];
                while (Receive(server, message)) server.Send(message);
            });
            echoing.Start();
            var trips = new double[times];
            var buffer = new byte[MessageBytes];
            for (int i = 0; i < times; i++)
            {
                long start = Stopwatch.GetTimestamp();
                client.Send(buffer);
                if (!Receive(client, buffer)) throw new InvalidOperationException("the connection ended");
                trips[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
            client.Shutdown(SocketShutdown.Send);
            echoing.Join();
            return Statistics.Median(trips);
        }
    }

    private static bool Receive(Socket socket, byte[] message)
    {
        for (int at = 0; at < message.Length;)
        {
            int count = socket.Receive(message.AsSpan(at));
            if (count == 0) return false;
            at += count;
        }
        return true;
    }

    private static (Socket Client, Socket Server) Connect(Socket listening, IPEndPoint target)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.Connect(target);
        Socket server = listening.Accept();
        server.NoDelay = true;
        return (client, server);
    }

    private static Socket Listening()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    private static int FreePort()
    {
        using Socket socket = Listening();
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static Process Start(int port, int server)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, [Environment.GetCommandLineArgs()[0], "relay-host"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) != "dotnet") start.ArgumentList.RemoveAt(0);
        start.Environment[RelayHost.PortVariable] = port.ToString(CultureInfo.InvariantCulture);
        start.Environment[RelayHost.ServerVariable] = server.ToString(CultureInfo.InvariantCulture);
        Process process = Process.Start(start)!;
        return process.StandardOutput.ReadLine() == "ready" ? process : throw new InvalidOperationException("the relay does not start");
    }
}
