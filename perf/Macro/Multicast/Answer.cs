using System.Globalization;
using System.Text;

namespace Appliance.Perf.Macro.Multicast;

/// <summary>What a node process answers: names and numbers on one line.</summary>
internal sealed class Answer
{
    private readonly StringBuilder _line = new("done");

    internal Answer With(string name, double value)
    {
        _line.Append(CultureInfo.InvariantCulture, $" {name}={value:R}");
        return this;
    }

    public override string ToString() => _line.ToString();
}
