using System.Security.Cryptography;
using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>Commands about the connection itself (networking.c, acl.c of Redis).</summary>
internal static class ConnectionCommands
{
    private const CommandFlags Flags = CommandFlags.Loading | CommandFlags.Fast;
    private const CommandFlags Open = Flags | CommandFlags.NoAuthentication;

    public static readonly RespCommand[] All =
    [
        new("ping", -1, Flags, "connection", "1.0.0", "Ping the server", Ping),
        new("echo", 2, Flags, "connection", "1.0.0", "Echo the given string", (x, a) => x.Output.Bulk(a[1])),
        new("quit", -1, Open | CommandFlags.NotQueued, "connection", "1.0.0", "Close the connection", Quit),
        new("reset", 1, Open | CommandFlags.NotQueued, "connection", "6.2.0", "Reset the connection", Reset),
        new("hello", -1, Open, "connection", "6.0.0", "Handshake with the server", Hello),
        new("auth", -2, Open, "connection", "1.0.0", "Authenticate to the server", Authenticate),
        new("select", 2, Flags, "connection", "1.0.0", "Change the selected database for the current connection", Select),
        ClientCommands.Client,
    ];

    private static void Ping(RespExecutor x, RespArguments arguments)
    {
        if (arguments.Count > 2) x.Error("ERR wrong number of arguments for 'ping' command"u8);
        else if (arguments.Count == 2) x.Output.Bulk(arguments[1]);
        else x.Output.Simple("PONG"u8);
    }

    private static void Quit(RespExecutor x, RespArguments arguments)
    {
        x.Client.IsClosing = true;
        x.Output.Simple("OK"u8);
    }

    private static void Reset(RespExecutor x, RespArguments arguments)
    {
        RespClient client = x.Client;
        client.EndTransaction(x.Pool);
        client.Name = "";
        client.ReplyMode = ReplyMode.On;
        client.IsAuthenticated = x.Options.PasswordDigest is null;
        SetProtocol(x, 2);
        x.Output.Simple("RESET"u8);
    }

    private static void SetProtocol(RespExecutor x, int version) => x.Client.Protocol = x.Output.Protocol = version;

    private static void Select(RespExecutor x, RespArguments arguments)
    {
        if (!RespNumber.TryParse(arguments[1], out long index)) x.Error(RespErrors.NotAnInteger);
        else if (index != (int)index) x.Error("ERR value is out of range, value must between -2147483648 and 2147483647"u8);
        else if (index != 0) x.Error(RespErrors.DatabaseIndex);
        else x.Output.Simple("OK"u8);
    }

    private static void Authenticate(RespExecutor x, RespArguments arguments)
    {
        if (arguments.Count > 3) x.Error(RespErrors.Syntax);
        else if (arguments.Count == 2 && x.Options.PasswordDigest is null) x.Error(RespErrors.NoPasswordConfigured);
        else if (TryAuthenticate(x, arguments.Count == 3 ? arguments[1] : "default"u8, arguments[arguments.Count - 1])) x.Output.Simple("OK"u8);
    }

    // Digests of equal length are compared in constant time: neither the length nor a common beginning shows.
    private static bool TryAuthenticate(RespExecutor x, ReadOnlySpan<byte> user, ReadOnlySpan<byte> password)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(password, digest);
        bool matches = x.Options.PasswordDigest is not { } expected || CryptographicOperations.FixedTimeEquals(digest, expected);
        if (matches && user.SequenceEqual("default"u8)) return x.Client.IsAuthenticated = true;
        x.Counters.AuthenticationFailures++;
        x.Error(RespErrors.WrongPassword);
        return false;
    }

    private static void Hello(RespExecutor x, RespArguments arguments)
    {
        long version = 0;
        if (arguments.Count > 1)
        {
            if (!RespNumber.TryParse(arguments[1], out version))
            {
                x.Error(RespErrors.ProtocolVersionNotInteger);
                return;
            }
            if (version is not (2 or 3))
            {
                x.Error(RespErrors.ProtocolVersion);
                return;
            }
        }
        if (!TryTakeHelloOptions(x, arguments)) return;
        if (!x.Client.IsAuthenticated)
        {
            x.Error(RespErrors.HelloNoAuthentication);
            return;
        }
        if (version != 0) SetProtocol(x, (int)version);
        WriteHello(x);
    }

    private static bool TryTakeHelloOptions(RespExecutor x, RespArguments arguments)
    {
        for (int i = 2; i < arguments.Count; i++)
        {
            int more = arguments.Count - 1 - i;
            if (more >= 2 && Ascii.EqualsIgnoreCase(arguments[i], "AUTH"u8))
            {
                if (!TryAuthenticate(x, arguments[i + 1], arguments[i + 2])) return false;
                i += 2;
            }
            else if (more >= 1 && Ascii.EqualsIgnoreCase(arguments[i], "SETNAME"u8))
            {
                if (!ClientCommands.TrySetName(x, arguments[i + 1])) return false;
                i++;
            }
            else
            {
                x.Error($"ERR Syntax error in HELLO option '{UnknownText.Echo(arguments[i], 128)}'");
                return false;
            }
        }
        return true;
    }

    private static void WriteHello(RespExecutor x)
    {
        RespWriter output = x.Output;
        output.Map(7);
        output.Bulk("server"u8);
        output.Bulk("redis"u8);
        output.Bulk("version"u8);
        output.Bulk(ServerCommands.RedisVersion);
        output.Bulk("proto"u8);
        output.Integer(x.Client.Protocol);
        output.Bulk("id"u8);
        output.Integer(x.Client.Id);
        output.Bulk("mode"u8);
        output.Bulk("standalone"u8);
        output.Bulk("role"u8);
        output.Bulk(x.Store.IsPrimary ? "master"u8 : "replica"u8);
        output.Bulk("modules"u8);
        output.Array(0);
    }
}
