using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>OpenSSL refused something; the message says what and why.</summary>
internal sealed class OpenSslException : Exception
{
    private const int LibVersionText = 0; // OPENSSL_VERSION

    private OpenSslException(string message, Exception? cause = null) : base(message, cause)
    {
    }

    /// <summary>What was attempted, with the reason from the error queue of this thread, which is emptied.</summary>
    internal static OpenSslException Take(string attempt) => new($"{attempt}: {TakeReason()}");

    /// <summary>The innermost reason in the error queue of this thread, which is emptied.</summary>
    internal static string TakeReason()
    {
        string? reason = null;
        ulong last = 0;
        // The first entry is the cause, later ones say who passed it on.
        while (OpenSsl.ERR_get_error() is var error and not 0)
        {
            last = error;
            reason ??= Marshal.PtrToStringUTF8(OpenSsl.ERR_reason_error_string(error));
        }
        return reason ?? (last == 0 ? "no reason given" : $"error {last:x}");
    }

    /// <summary>Makes sure that the library is there and is OpenSSL 3.</summary>
    /// <returns>Its version for people.</returns>
    /// <exception cref="OpenSslException">It is not; the message says what to install.</exception>
    internal static string CheckLibrary()
    {
        try
        {
            uint major = OpenSsl.OPENSSL_version_major();
            _ = OpenSsl.TLS_server_method();
            string version = Marshal.PtrToStringUTF8(OpenSsl.OpenSSL_version(LibVersionText)) ?? "unknown";
            return major == 3 ? version : throw new OpenSslException($"TLS listeners need OpenSSL 3, but {OpenSsl.Crypto} is {version}");
        }
        catch (Exception missing) when (missing is DllNotFoundException or EntryPointNotFoundException)
        {
            throw new OpenSslException($"TLS listeners need OpenSSL 3 ({OpenSsl.Ssl}, {OpenSsl.Crypto}), which is not installed here: install the package libssl3", missing);
        }
    }
}
