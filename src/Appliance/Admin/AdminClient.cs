using System.Net.Sockets;
using Appliance.Commands;

namespace Appliance.Admin;

/// <summary>Asks a node's admin page, over its unix socket or over TCP.</summary>
internal sealed class AdminClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly string _target;

    /// <param name="target">Path of a unix socket, or address:port.</param>
    /// <param name="timeout">For each answer.</param>
    internal AdminClient(string target, TimeSpan timeout)
    {
        _target = target;
        bool unix = target.Contains('/') || File.Exists(target);
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (unix) handler.ConnectCallback = async (_, cancellation) => await ConnectAsync(target, cancellation).ConfigureAwait(false);
        _http = new HttpClient(handler) { BaseAddress = new Uri(unix ? "http://node/" : $"http://{target}/"), Timeout = timeout };
    }

    /// <summary>A page's text, whatever its status code.</summary>
    /// <exception cref="CommandException">No node answers there.</exception>
    internal Task<string> GetAsync(string path) => AskAsync(HttpMethod.Get, path);

    /// <summary>Posts an empty request and returns the answer's text.</summary>
    /// <exception cref="CommandException">No node answers there.</exception>
    internal Task<string> PostAsync(string path) => AskAsync(HttpMethod.Post, path);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<string> AskAsync(HttpMethod method, string path)
    {
        try
        {
            using var request = new HttpRequestMessage(method, path);
            using HttpResponseMessage response = await _http.SendAsync(request).ConfigureAwait(false);
            string text = await response.Content.ReadAsStringAsync().ConfigureAwait(false);
            return response.IsSuccessStatusCode ? text : throw new CommandException($"the node at {_target} answers {(int)response.StatusCode}: {text.Trim()}");
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException or UriFormatException)
        {
            throw new CommandException($"no node answers at {_target}: {error.InnerException?.Message ?? error.Message}");
        }
    }

    private static async Task<Stream> ConnectAsync(string path, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
