using Spectre.Console;

namespace Appliance.Commands;

/// <summary>A console for tables: coloured and as wide as the terminal, or plain and wide when the output goes to a file.</summary>
internal static class TerminalOutput
{
    private const int PlainWidth = 160;

    internal static IAnsiConsole Over(TextWriter output)
    {
        bool terminal = !Console.IsOutputRedirected;
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = terminal ? AnsiSupport.Detect : AnsiSupport.No, ColorSystem = terminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors });
        if (!terminal) console.Profile.Width = PlainWidth;
        return console;
    }
}
