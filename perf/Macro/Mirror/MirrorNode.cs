using System.Globalization;
using Appliance.Perf.Macro.Multicast;

namespace Appliance.Perf.Macro.Mirror;

/// <summary>A process of the scenarios <c>updates</c>, <c>resync</c> and <c>acknowledged</c>: takes orders on its input until that ends.</summary>
/// <remarks>
/// <code>
/// open NAME ADDRESS            joins the group with empty memory; 'a' is the primary
/// meet COUNT                   waits until this node and so many others are synchronised
/// write KEYS UPDATES           updates as fast as the windows allow, until all members have applied all
/// acknowledge UPDATES          updates one at a time, each acknowledged by two
/// count                        counters
/// contents KEYS                number of keys and a sum over keys and values
/// resynchronised               how long the snapshot took
/// close                        leaves
/// </code>
/// </remarks>
internal sealed class MirrorNode : IScenario
{
    internal const string ScenarioName = "mirror-node";
    private MirrorMember? _member;

    public string Name => ScenarioName;

    public string Summary => "a process of the mirror's scenarios; takes orders on its input";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        while (Console.In.ReadLine() is { } line)
        {
            string[] words = line.Split(' ');
            Console.Out.WriteLine(Obey(words[0], words[1..]));
            Console.Out.Flush();
        }
        _member?.Dispose();
        return [];
    }

    private Answer Obey(string order, string[] arguments)
    {
        int Number(int index) => int.Parse(arguments[index], CultureInfo.InvariantCulture);
        switch (order)
        {
            case "open":
                _member = new MirrorMember(arguments[0], arguments[1]);
                return new Answer();
            case "meet":
                return _member!.Meet(Number(0));
            case "write":
                return _member!.Write(new MirrorWriter(Number(0), Number(1), acknowledged: false));
            case "acknowledge":
                return _member!.Write(new MirrorWriter(1000, Number(0), acknowledged: true));
            case "count":
                return _member!.Count();
            case "contents":
                return _member!.Contents(Number(0));
            case "resynchronised":
                return _member!.Resynchronised();
            case "close":
                _member!.Dispose();
                _member = null;
                return new Answer();
            default:
                throw new InvalidOperationException($"no such order: {order}");
        }
    }
}
