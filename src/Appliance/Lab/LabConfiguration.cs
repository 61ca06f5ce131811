using System.Globalization;
using System.Text;
using Appliance.Configuration;

namespace Appliance.Lab;

/// <summary>Configuration files of a laboratory's nodes.</summary>
internal static class LabConfiguration
{
    /// <summary>The service that a laboratory serves.</summary>
    internal const string Service = "demo";

    /// <summary>Its listener.</summary>
    internal const string Listener = "state";

    /// <summary>A second service, whose first primary is another node.</summary>
    internal const string SecondService = "second";

    /// <summary>Its listener.</summary>
    internal const string SecondListener = "second-state";

    /// <summary>The relay in front of the backend, and the backend's pool.</summary>
    internal const string Relay = "web";

    /// <summary>The TLS listener in front of the same pool.</summary>
    internal const string Secure = "secure";

    /// <summary>Where the laboratory's certificate stands, beside the group's key.</summary>
    internal static string CertificateBeside(string keyFile) => Path.Combine(Path.GetDirectoryName(keyFile)!, "tls.pem");

    /// <summary>Writes a node's configuration.</summary>
    /// <param name="state">The laboratory.</param>
    /// <param name="node">The node.</param>
    /// <param name="keyFile">The group's key file.</param>
    /// <param name="overrides"><c>SECTION.KEY=VALUE</c>, for example <c>class purchase.acks=0</c>; for one node only with <c>a:</c> in front.</param>
    /// <exception cref="LabException">An override is malformed, or the result is not valid.</exception>
    internal static void Write(LabState state, LabNode node, string keyFile, IReadOnlyList<string> overrides)
    {
        var addresses = new LabAddresses(state.Name, state.Loopback);
        LabNode[] data = [.. state.Nodes.Where(static member => !member.IsWitness)];
        var sections = new List<(string Header, List<(string Key, string Value)> Settings)>
        {
            ("node", [("id", node.Id), ("role", node.IsWitness ? "witness" : "data"), ("state-directory", Path.Combine(Path.GetDirectoryName(node.Config)!, "state"))]),
            ("group",
            [
                ("name", state.Name), ("members", string.Join(' ', state.Nodes.Select(static member => $"{member.Id}={member.SyncAddress}"))),
                ("address", addresses.Multicast), ("port", addresses.GroupPort.ToString(CultureInfo.InvariantCulture)), ("key-file", keyFile),
                ("heartbeat", "10ms"), ("dead-after", "100ms"), ("lease", "80ms"), ("witnesses", string.Join(' ', state.Nodes.Where(static member => member.IsWitness).Select(static member => member.Id))), ("quorum", state.Nodes.Count == 2 ? "off" : "majority"),
            ]),
            ($"service {Service}", [("addresses", state.Loopback ? "" : $"{LabAddresses.Service} {LabAddresses.Service6}"), ("primary", data[0].Id)]),
            ($"service {SecondService}", [("addresses", state.Loopback ? "" : $"{LabAddresses.SecondService} {LabAddresses.SecondService6}"), ("primary", data[1 % data.Length].Id)]),
            ($"listener {Listener}", [("service", Service), ("bind", state.Loopback ? "node" : "both"), ("node-addresses", node.Address), ("port", state.Port.ToString(CultureInfo.InvariantCulture))]),
            ($"listener {SecondListener}", [("service", SecondService), ("bind", state.Loopback ? "node" : "both"), ("node-addresses", node.Address), ("port", (state.Port + 1).ToString(CultureInfo.InvariantCulture))]),
            ($"listener {Relay}",
            [
                ("service", Service), ("type", "relay"), ("backend", Relay), ("bind", state.Loopback ? "node" : "both"), ("node-addresses", node.Address), ("port", state.RelayPort.ToString(CultureInfo.InvariantCulture)),
            ]),
            ($"listener {Secure}",
            [
                ("service", Service), ("type", "tls"), ("backend", Relay), ("bind", state.Loopback ? "node" : "both"), ("node-addresses", node.Address), ("port", state.TlsPort.ToString(CultureInfo.InvariantCulture)),
                ("certificates", CertificateBeside(keyFile)),
            ]),
            ($"backend {Relay}", [("servers", string.Create(CultureInfo.InvariantCulture, $"{state.BackendAddress}:{state.BackendPort}")), ("check", "http /healthz"), ("interval", "500ms"), ("timeout", "400ms")]),
            ("admin", [("socket", node.Admin)]),
        };
        if (data.Length == 1) sections.Add(("class purchase", [("acks", "0")])); // nobody else is there
        foreach (string change in overrides) Override(sections, node.Id, change);
        File.WriteAllText(node.Config, Format(sections));
        LoadResult loaded = ConfigurationLoader.Load(node.Config);
        if (loaded.Configuration is null) throw new LabException($"the laboratory's configuration is not valid: {string.Join("; ", loaded.Problems)}");
    }

    private static void Override(List<(string Header, List<(string Key, string Value)> Settings)> sections, string node, string change)
    {
        int equals = change.IndexOf('=');
        int dot = equals < 0 ? -1 : change.LastIndexOf('.', equals);
        if (dot <= 0) throw new LabException($"'{change}' is no setting: write SECTION.KEY=VALUE, for example 'group.dead-after=100ms'");
        int colon = change.IndexOf(':');
        if (colon > 0 && colon < dot && change[..colon] != node) return;
        string header = change[(colon > 0 && colon < dot ? colon + 1 : 0)..dot].Trim(), key = change[(dot + 1)..equals].Trim(), value = change[(equals + 1)..].Trim();
        int at = sections.FindIndex(section => section.Header == header);
        if (at < 0)
        {
            sections.Add((header, []));
            at = sections.Count - 1;
        }
        sections[at].Settings.RemoveAll(setting => setting.Key == key);
        sections[at].Settings.Add((key, value));
    }

    private static string Format(List<(string Header, List<(string Key, string Value)> Settings)> sections)
    {
        var text = new StringBuilder("; made by 'appliance lab up'\n");
        foreach ((string header, List<(string Key, string Value)> settings) in sections)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n[{header}]\n");
            foreach ((string key, string value) in settings) text.Append(CultureInfo.InvariantCulture, $"{key} = {value}\n");
        }
        return text.ToString();
    }
}
