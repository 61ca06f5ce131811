using System.CommandLine;
using System.Runtime.InteropServices;
using Appliance.TcpStateMirror.Capture;
using Appliance.TcpStateMirror.Flows;

namespace Appliance.Commands;

/// <summary><c>appliance capture</c>: the connections of an interface or of a capture file, one line for each when it ends.</summary>
internal static class CaptureCommand
{
    private const int MinRingMegabytes = 2, MaxRingMegabytes = 4096, MaxConnections = 1 << 22;

    // Who watches wants to see the line; late segments come within the round trip.
    private static readonly TimeSpan LiveLinger = TimeSpan.FromSeconds(2);

    private static readonly Option<string?> Card = new("--interface", "-i") { Description = "Capture an interface until Ctrl-C; 'any' for all", HelpName = "IF" };
    private static readonly Option<string?> Read = new("--read", "-r") { Description = "Read a pcap or pcapng file; - for the standard input", HelpName = "FILE" };
    private static readonly Option<string?> Filter = new("--filter", "-f") { Description = "Which packets, as in tcpdump: 'host 10.0.0.1 and port 443' (docs/capture.md)", HelpName = "EXPR" };
    private static readonly Option<bool> Checksums = new("--checksums") { Description = "Refuse segments with wrong checksums; not for captures made on the sending host" };
    private static readonly Option<bool> Promiscuous = new("--promiscuous") { Description = "Take also what is meant for other hosts" };
    private static readonly Option<int> Ring = new("--ring") { Description = "Memory shared with the kernel, MiB", HelpName = "MIB", DefaultValueFactory = static _ => 64 };
    private static readonly Option<int> Connections = new("--connections") { Description = "Connections to follow at a time; when there are more, the ones that matter least are told early", HelpName = "N", DefaultValueFactory = static _ => new FlowTableOptions().Capacity };
    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON with stable field names, one line for each connection (docs/capture.md)" };

    internal static Command Create()
    {
        var command = new Command("capture", "Follow the TCP connections of an interface or a capture file: header state, retransmissions, TLS hellos") { Card, Read, Filter, Checksums, Promiscuous, Ring, Connections, Json };
        command.Validators.Add(static result =>
        {
            if (result.GetValue(Card) is null == result.GetValue(Read) is null) result.AddError("what to capture: either -i IF or --read FILE");
            if (result.GetResult(Connections) is { Implicit: false } && result.GetValue(Connections) is < 1 or > MaxConnections) result.AddError($"--connections: 1 to {MaxConnections}");
            if (result.GetResult(Ring) is { Implicit: false } && result.GetValue(Ring) is < MinRingMegabytes or > MaxRingMegabytes) result.AddError($"--ring: {MinRingMegabytes} to {MaxRingMegabytes}");
        });
        command.SetAction(static (parsed, _) => Task.FromResult(Run(parsed)));
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        CaptureFilter? filter = parsed.GetValue(Filter) is { } expression ? Compile(expression) : null;
        try
        {
            if (parsed.GetValue(Card) is { } card)
            {
                using PacketRing ring = PacketRing.Open(card, filter ?? CaptureFilter.Everything, parsed.GetValue(Ring), parsed.GetValue(Promiscuous));
                // The first signal ends the capture in order, a second one the program.
                void Stop(PosixSignalContext context)
                {
                    context.Cancel = true;
                    ring.Stop();
                }
                using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop), terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
                if (!parsed.GetValue(Json)) parsed.InvocationConfiguration.Error.WriteLine($"capturing {card}; Ctrl-C ends it");
                Follow(parsed, ring, Options(parsed) with { Linger = LiveLinger }, ring);
                return ExitCode.Done;
            }
            using IPacketSource file = PacketFile.Open(parsed.GetRequiredValue(Read)!);
            Follow(parsed, file, Options(parsed) with { Filter = filter }, ring: null);
        }
        catch (CaptureException failure)
        {
            throw new CommandException(failure.Message);
        }
        return ExitCode.Done;
    }

    private static void Follow(ParseResult parsed, IPacketSource source, FlowTableOptions options, PacketRing? ring)
    {
        using var lines = new CaptureLines(parsed.InvocationConfiguration.Output, parsed.GetValue(Json));
        var table = new FlowTable<CaptureLines.Sink>(options, new CaptureLines.Sink(lines));
        try
        {
            while (source.Read(table))
            {
                if (ring is null) continue;
                table.Expire((DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick);
                lines.Flush();
            }
        }
        finally
        {
            table.Finish();
            lines.Flush();
            CaptureSummary.Write(parsed.InvocationConfiguration.Error, table.Counters, parsed.GetValue(Json), ring?.Drops);
        }
    }

    private static FlowTableOptions Options(ParseResult parsed) => new() { Capacity = parsed.GetValue(Connections), VerifyChecksums = parsed.GetValue(Checksums) };

    private static CaptureFilter Compile(string expression)
    {
        try
        {
            return CaptureFilter.Compile(expression);
        }
        catch (CaptureException mistake)
        {
            throw new CommandException(mistake.Message, ExitCode.WrongUsage);
        }
    }
}
