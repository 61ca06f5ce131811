using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Appliance.Tests.Shared.Laboratories;

/// <summary>One node of a <see cref="Laboratory"/>, asked through its admin socket.</summary>
internal sealed record LabNode(Laboratory Laboratory, string Id, int Pid, string Namespace, IPAddress Address, string Admin)
{
    private static readonly TimeSpan Impatience = TimeSpan.FromSeconds(2); // a frozen node does not answer

    /// <summary>Where its files stand.</summary>
    public string Home => Path.GetDirectoryName(Admin)!;

    /// <summary>Its admin socket answers.</summary>
    public bool Answers()
    {
        try
        {
            Status();
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>It answers for a service now: lease, state and addresses are its own. False when it does not answer.</summary>
    public bool Serves(string service)
    {
        try
        {
            return JsonDocument.Parse(Get("/status", Impatience)).RootElement.GetProperty("services").EnumerateArray()
                .Any(known => known.GetProperty("name").GetString() == service && known.GetProperty("serving").GetBoolean());
        }
        catch (Exception silent) when (silent is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    /// <summary>The node's own view: what <c>appliance status --json</c> prints.</summary>
    public JsonElement Status() => JsonDocument.Parse(Get("/status")).RootElement;

    /// <summary>Whom it takes for the primary of each service, and since which term.</summary>
    public string Primaries() => string.Join(' ', Status().GetProperty("services").EnumerateArray().Select(static service => $"{service.GetProperty("name")}:{service.GetProperty("primary")}:{service.GetProperty("term")}"));

    /// <summary>What it says of another member.</summary>
    public JsonElement Member(string id) => Status().GetProperty("members").EnumerateArray().Single(member => member.GetProperty("id").GetString() == id);

    /// <summary>The metrics page.</summary>
    public string Metrics() => Get("/metrics");

    /// <summary>The sum of all samples of the metrics whose names match a pattern.</summary>
    /// <exception cref="InvalidOperationException">There is no such metric: a test that asks for it would prove nothing.</exception>
    public double Metric(string pattern)
    {
        double[] values = [.. Metrics().Split('\n')
            .Where(line => Regex.IsMatch(line, $"^(?:{pattern})[ {{]"))
            .Select(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture))];
        return values.Length > 0 ? values.Sum() : throw new InvalidOperationException($"node {Id} has no metric {pattern}");
    }

    /// <summary>It holds everything, sees all others live and holding everything, and nobody lags behind it.</summary>
    public bool IsConverged()
    {
        JsonElement status;
        try
        {
            status = Status();
        }
        catch (HttpRequestException)
        {
            return false; // not up yet
        }
        bool IsWitness(JsonElement node) => node.GetProperty("role").GetString() == "witness";
        return (IsWitness(status) || status.GetProperty("synchronised").GetBoolean())
            && status.GetProperty("services").EnumerateArray().All(service => service.GetProperty("role").GetString() is "primary" or "secondary")
            && status.GetProperty("members").EnumerateArray().All(member => member.GetProperty("state").GetString() == "live"
                && (IsWitness(member) || member.GetProperty("synchronised").GetBoolean()) && member.GetProperty("lagMessages").GetInt64() == 0);
    }

    private string LastWords() => File.Exists(Path.Combine(Home, "log")) ? string.Join('\n', File.ReadLines(Path.Combine(Home, "log")).TakeLast(5)) : "nothing";

    private string Get(string path) => Get(path, TimeSpan.FromSeconds(10));

    private string Get(string path, TimeSpan patience)
    {
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(Admin), cancellation).ConfigureAwait(false);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch (Exception error)
                {
                    socket.Dispose();
                    if (error is SocketException) throw new HttpRequestException($"node {Id} does not answer: {error.Message}. It said last: {LastWords()}", error);
                    throw;
                }
            },
        };
        using var client = new HttpClient(handler) { Timeout = patience, BaseAddress = new Uri("http://localhost") };
        using HttpResponseMessage answer = client.Send(new HttpRequestMessage(HttpMethod.Get, path));
        answer.EnsureSuccessStatusCode();
        using var reader = new StreamReader(answer.Content.ReadAsStream());
        return reader.ReadToEnd();
    }
}
