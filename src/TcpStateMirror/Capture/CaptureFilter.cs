using Appliance.TcpStateMirror.Capture.Filter;

namespace Appliance.TcpStateMirror.Capture;

/// <summary>A compiled filter expression: runs in the kernel on an interface and here on a file. Immutable; any thread.</summary>
public sealed class CaptureFilter
{
    private CaptureFilter(BpfProgram program) => Program = program;

    /// <summary>What a capture without an expression takes: TCP, and tunnels in which it may be.</summary>
    public static CaptureFilter Everything { get; } = new(FilterCompiler.Everything());

    internal BpfProgram Program { get; }

    /// <summary>Compiles an expression (docs/capture.md).</summary>
    /// <exception cref="CaptureException">What is wrong with it.</exception>
    public static CaptureFilter Compile(string expression) => new(FilterCompiler.Compile(FilterParser.Parse(expression), expression));

    /// <summary>An IP datagram passes.</summary>
    public bool Matches(ReadOnlySpan<byte> datagram) => Program.Matches(datagram);
}
