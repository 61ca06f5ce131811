using System.Runtime.InteropServices;
using Appliance.Interop;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Appliance.Commands;

/// <summary>Shows something again and again until Ctrl-C (or SIGTERM): in place on a terminal, one view below the other elsewhere.</summary>
internal static class LiveView
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(500), PlainInterval = TimeSpan.FromSeconds(1);

    /// <summary>Shows views until it is interrupted; the last one stays on the terminal.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="look">Makes the view of this moment.</param>
    /// <param name="cancellation">Ends it too.</param>
    internal static async Task<int> RunAsync(TextWriter output, Func<Task<IRenderable>> look, CancellationToken cancellation)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, EndOn), terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, EndOn);
        IAnsiConsole console = TerminalOutput.Over(output);
        try
        {
            if (!console.Profile.Capabilities.Ansi) await ShowBelowAsync(console, look, end.Token).ConfigureAwait(false);
            while (console.Profile.Capabilities.Ansi)
            {
                await console.Live(Text.Empty).Cropping(VerticalOverflowCropping.Bottom).StartAsync(live => ShowInPlaceAsync(console, live, look, end.Token)).ConfigureAwait(false);
                console.Clear(home: true); // what stood there was folded by the terminal: its lines cannot be counted
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // How it ends.
        }
        return ExitCode.Done;

        void EndOn(PosixSignalContext context)
        {
            context.Cancel = true; // the default would end the process at once, and leave the terminal without its cursor
            end.Cancel();
        }
    }

    /// <summary>Until the terminal has another size: a live display keeps the width that it once had.</summary>
    private static async Task ShowInPlaceAsync(IAnsiConsole console, LiveDisplayContext live, Func<Task<IRenderable>> look, CancellationToken cancellation)
    {
        (int Width, int Height) size = (console.Profile.Width, console.Profile.Height);
        while (true)
        {
            IRenderable view = await look().WaitAsync(cancellation).ConfigureAwait(false);
            if (size != (console.Profile.Width, console.Profile.Height)) return;
            live.UpdateTarget(view);
            await Task.Delay(Refresh, cancellation).ConfigureAwait(false);
        }
    }

    private static async Task ShowBelowAsync(IAnsiConsole console, Func<Task<IRenderable>> look, CancellationToken cancellation)
    {
        while (!StandardOutput.HasNoReader())
        {
            console.Write(await look().WaitAsync(cancellation).ConfigureAwait(false));
            await Task.Delay(PlainInterval, cancellation).ConfigureAwait(false);
        }
    }
}
