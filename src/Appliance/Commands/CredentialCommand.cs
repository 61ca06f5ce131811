using System.Buffers.Text;
using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using Appliance.Configuration;

namespace Appliance.Commands;

/// <summary><c>appliance credential NAME</c>: a line for the credentials file of a TLS listener, from a password on the standard input.</summary>
internal static class CredentialCommand
{
    private const int TokenBytes = 32;

    internal static Command Create()
    {
        var name = new Argument<string>("name") { Description = "Who logs in" };
        var token = new Option<bool>("--token") { Description = "Make a bearer token instead: it is printed once, on the standard error" };
        var command = new Command("credential", "Print a line for a credentials-file: NAME and the hash of the password on the standard input") { name, token };
        command.SetAction(parsed =>
        {
            string user = parsed.GetRequiredValue(name);
            if (!Credentials.IsName(user)) throw new CommandException($"'{user}' is no name: 1 to {Credentials.MaxNameBytes} printable ASCII characters without space, comma, colon and quote");
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(token))
            {
                string made = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes));
                parsed.InvocationConfiguration.Error.WriteLine(made);
                output.WriteLine(Credentials.LineOfToken(user, made));
                return ExitCode.Done;
            }
            byte[] password = Encoding.UTF8.GetBytes(Console.In.ReadLine() ?? "");
            if (password.Length is 0 or > PasswordHash.MaxPasswordBytes) throw new CommandException($"the first line of the standard input must be a password of 1 to {PasswordHash.MaxPasswordBytes} bytes");
            output.WriteLine(Credentials.LineOf(user, PasswordHash.Of(password)));
            CryptographicOperations.ZeroMemory(password);
            return ExitCode.Done;
        });
        return command;
    }
}
