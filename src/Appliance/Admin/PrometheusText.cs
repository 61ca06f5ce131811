using System.Globalization;
using System.Text;

namespace Appliance.Admin;

/// <summary>Writes Prometheus' text exposition format 0.0.4. The samples of one name must follow each other.</summary>
internal sealed class PrometheusText
{
    private readonly StringBuilder _text = new(16 * 1024);
    private string _declared = "";

    /// <summary>A value that only grows; its name ends with <c>_total</c>.</summary>
    internal void Counter(string name, string help, double value, params ReadOnlySpan<(string Name, string Value)> labels) => Sample(name, "counter", help, "", value, labels);

    /// <summary>A value that goes up and down.</summary>
    internal void Gauge(string name, string help, double value, params ReadOnlySpan<(string Name, string Value)> labels) => Sample(name, "gauge", help, "", value, labels);

    /// <summary>One line of a histogram: its suffix is <c>_bucket</c>, <c>_sum</c> or <c>_count</c>.</summary>
    internal void Histogram(string name, string help, string suffix, double value, params ReadOnlySpan<(string Name, string Value)> labels) => Sample(name, "histogram", help, suffix, value, labels);

    /// <summary>What was written.</summary>
    public override string ToString() => _text.ToString();

    /// <summary><c>BytesSent</c> as metrics spell it: <c>bytes_sent</c>.</summary>
    internal static string Snake(string identifier) => Configuration.SettingReader.Words(identifier).Replace('-', '_');

    private void Sample(string name, string type, string help, string suffix, double value, ReadOnlySpan<(string Name, string Value)> labels)
    {
        if (_declared != name)
        {
            _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
            _declared = name;
        }
        _text.Append(name).Append(suffix);
        for (int i = 0; i < labels.Length; i++)
            _text.Append(i == 0 ? '{' : ',').Append(labels[i].Name).Append("=\"").Append(Escape(labels[i].Value)).Append('"');
        if (labels.Length > 0) _text.Append('}');
        _text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Escape(string value) => value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
