using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Tls;

namespace Appliance.Listeners.Http;

/// <summary>What becomes of a request by who its client is.</summary>
internal enum LoginStep
{
    /// <summary>It goes on.</summary>
    Passed,

    /// <summary>It waits until a password was checked.</summary>
    Waits,

    /// <summary>Its client has to say who it is.</summary>
    Unknown,

    /// <summary>Its client has said so, and it is not true or not wanted.</summary>
    Refused,

    /// <summary>Too many passwords wait to be checked.</summary>
    Busy,
}

/// <summary>
/// Who the client of a connection is: logged in before with its session, at whichever node, or with a request by HTTP Basic (RFC 7617) or Bearer (RFC 6750).
/// Looked up for each request, so that a logout or a revocation holds from the next one on; allocates only for a login. Loop thread.
/// </summary>
internal sealed class HttpLogin
{
    private const int MaxCredentialsBytes = 1024;
    private readonly LoginDesk _desk;
    private readonly TlsServer _server;
    private readonly Credentials _credentials;
    private readonly TimeSpan _lifetime;
    private readonly SocketAddressBytes _client;
    private readonly byte[] _handle; // empty: there is no session to keep a login with
    private readonly Action _continue;
    private readonly byte[] _added;
    private readonly byte[] _proof = new byte[SHA256.HashSizeInBytes]; // hash of the field that was accepted, or is being checked
    private byte[] _identity = [];
    private bool _isKept;      // the login stands in the service's state, where a logout deletes it
    private bool _isProven;    // by the field of that hash
    private bool? _outcome;    // of the check; until a request has seen it

    /// <param name="server">Where the connection was accepted.</param>
    /// <param name="desk">Checks and keeps logins.</param>
    /// <param name="rules">In force for this connection.</param>
    /// <param name="client">Whose connection it is.</param>
    /// <param name="handle">What the session carries; empty without a session.</param>
    /// <param name="added">Fields that every head gets.</param>
    /// <param name="goesOn">Called when a check has ended.</param>
    internal HttpLogin(TlsServer server, LoginDesk desk, HttpRules rules, in SocketAddressBytes client, byte[] handle, byte[] added, Action goesOn)
    {
        _server = server;
        _desk = desk;
        _credentials = server.Contexts.Credentials!;
        _lifetime = rules.LoginLifetime;
        _client = client;
        _handle = handle;
        _continue = goesOn;
        Fields = _added = added;
        if (handle.Length == 0 || desk.Find(handle) is not { IsEmpty: false } name) return;
        Take(name.ToArray());
        _isKept = true;
    }

    /// <summary>A password is being checked.</summary>
    internal bool IsWaiting { get; private set; }

    /// <summary>What each head gets, in full lines.</summary>
    internal byte[] Fields { get; private set; }

    /// <summary>Looks who asks.</summary>
    /// <param name="authorization">The field of the request; empty when there is none.</param>
    internal LoginStep Check(ReadOnlySpan<byte> authorization)
    {
        if (_identity.Length > 0 && !IsStillIn()) Forget();
        if (_outcome is { } accepted)
        {
            _outcome = null;
            return accepted && _identity.Length > 0 ? LoginStep.Passed : LoginStep.Refused;
        }
        if (authorization.IsEmpty) return _identity.Length > 0 ? LoginStep.Passed : LoginStep.Unknown;
        Span<byte> proof = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(authorization, proof);
        if (_isProven && _identity.Length > 0 && CryptographicOperations.FixedTimeEquals(proof, _proof)) return LoginStep.Passed;
        LoginStep step = Begin(authorization);
        if (step is LoginStep.Waits or LoginStep.Passed) proof.CopyTo(_proof);
        _isProven = step == LoginStep.Passed;
        if (step == LoginStep.Refused) _desk.CountRefused();
        return step;
    }

    private LoginStep Begin(ReadOnlySpan<byte> authorization)
    {
        int space = authorization.IndexOf((byte)' ');
        if (space < 0) return LoginStep.Refused;
        ReadOnlySpan<byte> scheme = authorization[..space], value = authorization[space..].Trim((byte)' ');
        if (HttpFields.Is(scheme, "bearer"u8)) return _credentials.OwnerOf(value) is { } owner ? BeginAs(owner, []) : LoginStep.Refused;
        return HttpFields.Is(scheme, "basic"u8) ? BeginBasic(value) : LoginStep.Refused;
    }

    private LoginStep BeginBasic(ReadOnlySpan<byte> value)
    {
        Span<byte> pair = stackalloc byte[MaxCredentialsBytes];
        try
        {
            if (Base64.DecodeFromUtf8(value, pair, out _, out int length) != OperationStatus.Done) return LoginStep.Refused;
            int colon = pair[..length].IndexOf((byte)':');
            if (colon < 1 || length - colon - 1 is 0 or > PasswordHash.MaxPasswordBytes) return LoginStep.Refused;
            // The session has proved the name already, here or at another node.
            if (pair[..colon].SequenceEqual(_identity)) return LoginStep.Passed;
            string name = Encoding.Latin1.GetString(pair[..colon]);
            return Credentials.IsName(name) ? BeginAs(name, pair[(colon + 1)..length]) : LoginStep.Refused;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pair);
        }
    }

    private LoginStep BeginAs(string name, ReadOnlySpan<byte> password)
    {
        byte[] identity = Encoding.ASCII.GetBytes(name);
        if (password.IsEmpty && identity.AsSpan().SequenceEqual(_identity)) return LoginStep.Passed;
        if (_server.IsRevoked(identity)) return LoginStep.Refused;
        byte[] copy = GC.AllocateUninitializedArray<byte>(password.Length, pinned: true); // where it stands it is overwritten: the collector makes no copies
        password.CopyTo(copy);
        var request = new LoginRequest { Credentials = _credentials, Name = name, Password = copy, Handle = _handle, Lifetime = _lifetime, Client = _client, Done = OnChecked };
        if (password.IsEmpty) _desk.Accept(request);
        else if (!_desk.TryCheck(request)) return LoginStep.Busy;
        IsWaiting = true;
        return LoginStep.Waits;
    }

    private void OnChecked(LoginRequest request, bool accepted)
    {
        IsWaiting = false;
        _outcome = accepted;
        if (accepted)
        {
            Take(Encoding.ASCII.GetBytes(request.Name));
            _isKept = request.IsKept;
            _isProven = true;
        }
        _continue();
    }

    private bool IsStillIn() => !_server.IsRevoked(_identity) && (!_isKept || _desk.Find(_handle).SequenceEqual(_identity));

    private void Take(byte[] identity)
    {
        _identity = identity;
        string handle = _handle.Length > 0 ? $"X-Forwarded-Login: {Convert.ToHexStringLower(_handle)}\r\n" : "";
        Fields = [.. _added, .. Encoding.ASCII.GetBytes($"X-Forwarded-User: {Encoding.ASCII.GetString(identity)}\r\n{handle}")];
    }

    private void Forget()
    {
        _identity = [];
        _isKept = _isProven = false;
        Fields = _added;
    }
}
