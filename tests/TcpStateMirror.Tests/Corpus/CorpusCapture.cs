using System.Net.Sockets;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>tcpdump on the client's card while something happens.</summary>
internal sealed class CorpusCapture : IDisposable
{
    private const int MarkPort = 9;
    private readonly CorpusNetwork _network;
    private readonly string _file;
    private readonly RunningProgram _tcpdump;

    internal CorpusCapture(CorpusNetwork network, string file, params string[] options)
    {
        _network = network;
        _file = file;
        _tcpdump = new RunningProgram(network.Client, ["tcpdump", .. options.Length == 0 ? ["-i", "wire"] : options, "-w", file, "-U", "--immediate-mode", "-B", "65536", "-Z", "root", "tcp", "or", "udp", "port", "9"]);
        _tcpdump.AwaitError("listening on");
    }

    /// <summary>Waits until tcpdump has written all that happened before, and ends it.</summary>
    internal void End()
    {
        byte[] mark = Guid.NewGuid().ToByteArray();
        NetworkNamespace.Run(_network.Client, () =>
        {
            using var socket = new UdpClient();
            return socket.Send(mark, CorpusNetwork.ServerAddress, MarkPort);
        });
        Until.True("tcpdump has written the mark", TimeSpan.FromSeconds(10), () => Tail(_file).AsSpan().IndexOf(mark) >= 0);
        _tcpdump.End();
    }

    public void Dispose() => _tcpdump.Dispose();

    private static byte[] Tail(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Seek(-Math.Min(stream.Length, 65536), SeekOrigin.End);
        byte[] bytes = new byte[stream.Length - stream.Position];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
