using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp;

/// <summary>Texts of refused commands that repeat what the client sent (server.c of Redis).</summary>
internal static class UnknownText
{
    private const int MaxEcho = 128;

    public static string Command(RespArguments arguments)
    {
        StringBuilder preview = new();
        for (int i = 1; i < arguments.Count && preview.Length < MaxEcho; i++)
        {
            string echo = Echo(arguments[i], MaxEcho - preview.Length);
            preview.Append('\'').Append(echo).Append("' ");
        }
        return $"ERR unknown command '{Echo(arguments[0], MaxEcho)}', with args beginning with: {preview}";
    }

    public static string Subcommand(RespCommand command, ReadOnlySpan<byte> name) =>
        $"ERR unknown subcommand '{Echo(name, MaxEcho)}'. Try {command.Name.ToUpperInvariant()} HELP.";

    public static string Arity(RespCommand command) => $"ERR wrong number of arguments for '{command.Name}' command";

    /// <summary>As C's %.*s shows it: up to a NUL.</summary>
    public static string Echo(ReadOnlySpan<byte> text, int maxBytes)
    {
        if (text.Length > maxBytes) text = text[..maxBytes];
        int end = text.IndexOf((byte)0);
        return Encoding.Latin1.GetString(end < 0 ? text : text[..end]);
    }
}
