using System.Globalization;

namespace Appliance.Perf.Macro.Multicast;

/// <summary>One of the three processes of <see cref="MulticastScenario"/>: takes orders on its input until that ends.</summary>
/// <remarks>
/// <code>
/// open NAME ADDRESS SEALED(0|1)                joins the group
/// meet COUNT                                   waits for so many members
/// publish BYTES MILLISECONDS RATE              publishes (RATE 0: as fast as the windows allow), waits until all is received everywhere
/// receive                                      begins to count (and to measure latencies)
/// received                                     ends it
/// processor                                    answers the processor time used so far
/// close                                        leaves
/// plain-send ADDRESS BYTES MILLISECONDS        one message per datagram with sendmmsg, nothing else
/// plain-receive ADDRESS BYTES | plain-received counts datagrams
/// </code>
/// </remarks>
internal sealed class MulticastNode : IScenario
{
    internal const string ScenarioName = "multicast-node";

    private GroupNode? _group;
    private PlainReceiver? _receiver;

    public string Name => ScenarioName;

    public string Summary => "a process of the scenario multicast; takes orders on its input";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        while (Console.In.ReadLine() is { } line)
        {
            string[] words = line.Split(' ');
            Console.Out.WriteLine(Obey(words[0], words[1..]));
            Console.Out.Flush();
        }
        _group?.Dispose();
        _receiver?.Dispose();
        return [];
    }

    private Answer Obey(string order, string[] arguments)
    {
        int Number(int index) => int.Parse(arguments[index], CultureInfo.InvariantCulture);
        switch (order)
        {
            case "open":
                _group = new GroupNode(arguments[0], arguments[1], arguments[2] == "1");
                return new Answer();
            case "meet":
                return _group!.Meet(Number(0));
            case "publish":
                return _group!.Publish(Number(0), TimeSpan.FromMilliseconds(Number(1)), Number(2));
            case "receive":
                return _group!.BeginReceive();
            case "received":
                return _group!.EndReceive();
            case "processor":
                return new Answer().With("seconds", Environment.CpuUsage.TotalTime.TotalSeconds);
            case "close":
                _group!.Dispose();
                _group = null;
                return new Answer();
            case "plain-send":
                return PlainSender.Send(arguments[0], Number(1), TimeSpan.FromMilliseconds(Number(2)));
            case "plain-receive":
                _receiver = new PlainReceiver(arguments[0], Number(1));
                return new Answer();
            case "plain-received":
                Answer answer = _receiver!.End();
                _receiver.Dispose();
                _receiver = null;
                return answer;
            default:
                throw new InvalidOperationException($"no such order: {order}");
        }
    }
}
