using System.Globalization;
using System.Text;
using Appliance.TcpStateMirror.Flows;

namespace Appliance.Commands;

/// <summary>Prints connections as they end, as JSON or as a table whose columns stand. Not thread-safe.</summary>
internal sealed class CaptureLines : IDisposable
{
    private readonly TextWriter _output;
    private readonly FlowJson? _json;
    private bool _headed;

    internal CaptureLines(TextWriter output, bool json)
    {
        _output = output;
        if (json) _json = new FlowJson();
    }

    /// <summary>Makes what was printed visible.</summary>
    internal void Flush() => _output.Flush();

    /// <inheritdoc/>
    public void Dispose() => _json?.Dispose();

    private void Print(Flow flow, FlowEnd end)
    {
        if (_json is not null)
        {
            ReadOnlySpan<byte> line = _json.Write(flow, end);
            Span<char> text = line.Length <= 4096 ? stackalloc char[line.Length] : new char[line.Length];
            _output.Write(text[..Encoding.UTF8.GetChars(line, text)]);
            return;
        }
        if (!_headed) _output.WriteLine($"{"client",-44} {"server",-44} {"state",-12} {"ended",-8} {"seconds",9} {"sent",12} {"received",12} {"again",6} {"late",6}  tls");
        _headed = true;
        _output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{EndPoint(flow.Client),-44} {EndPoint(flow.Server),-44} {TcpStateNames.NameOf(flow.State),-12} {FlowJson.NameOf(end),-8} {(flow.Last - flow.Start) / 1e9,9:0.000} {flow.Client.Bytes,12:n0} {flow.Server.Bytes,12:n0} {flow.Client.Retransmissions + flow.Server.Retransmissions,6} {flow.Client.OutOfOrder + flow.Server.OutOfOrder,6}  {Tls(flow.Tls)}"));
    }

    private static string EndPoint(FlowSide side) => side.Address.IsIPv4 ? $"{side.Address}:{side.Port}" : $"[{side.Address}]:{side.Port}";

    private static string Tls(TlsFacts? tls)
    {
        if (tls is null) return "";
        string name = new([.. Encoding.UTF8.GetString(tls.ServerName).Where(static letter => !char.IsControl(letter))]);
        return $"{tls.VersionName} {tls.CipherName} {name} {tls.Resumed switch { true => "resumed", false => "new", null => "" }}".Replace("  ", " ", StringComparison.Ordinal).Trim();
    }

    /// <summary>Hands ended connections over.</summary>
    internal readonly struct Sink(CaptureLines lines) : IFlowSink
    {
        /// <inheritdoc/>
        public void OnEnded(Flow flow, FlowEnd end) => lines.Print(flow, end);
    }
}
