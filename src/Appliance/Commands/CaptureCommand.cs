using System.CommandLine;
using Appliance.TcpStateMirror.Capture;
using Appliance.TcpStateMirror.Flows;

namespace Appliance.Commands;

/// <summary><c>appliance capture</c>: the connections of an interface or of a capture file, one line for each when it ends.</summary>
internal static class CaptureCommand
{
    private static readonly Option<string?> Read = new("--read", "-r") { Description = "Read a pcap or pcapng file; - for the standard input", HelpName = "FILE" };
    private static readonly Option<bool> Checksums = new("--checksums") { Description = "Refuse segments with wrong checksums; not for captures made on the sending host" };
    private static readonly Option<int> Connections = new("--connections") { Description = "Connections to follow at a time; when there are more, the ones that matter least are told early", HelpName = "N", DefaultValueFactory = static _ => new FlowTableOptions().Capacity };
    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON with stable field names, one line for each connection (docs/capture.md)" };

    internal static Command Create()
    {
        var command = new Command("capture", "Follow the TCP connections of a capture: header state, retransmissions, TLS hellos") { Read, Checksums, Connections, Json };
        command.Validators.Add(static result =>
        {
            if (result.GetValue(Read) is null) result.AddError("what to capture: --read FILE");
            if (result.GetResult(Connections) is { Implicit: false } && result.GetValue(Connections) is < 1 or > 1 << 22) result.AddError("--connections: 1 to 4194304");
        });
        command.SetAction(static (parsed, _) => Task.FromResult(Run(parsed)));
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        var options = new FlowTableOptions { Capacity = parsed.GetValue(Connections), VerifyChecksums = parsed.GetValue(Checksums) };
        using var lines = new CaptureLines(parsed.InvocationConfiguration.Output, parsed.GetValue(Json));
        var table = new FlowTable<CaptureLines.Sink>(options, new CaptureLines.Sink(lines));
        try
        {
            using IPacketSource source = PacketFile.Open(parsed.GetRequiredValue(Read)!);
            try
            {
                while (source.Read(table))
                {
                }
            }
            finally
            {
                table.Finish();
                lines.Flush();
                CaptureSummary.Write(parsed.InvocationConfiguration.Error, table.Counters, parsed.GetValue(Json));
            }
        }
        catch (CaptureException failure)
        {
            throw new CommandException(failure.Message);
        }
        return ExitCode.Done;
    }
}
