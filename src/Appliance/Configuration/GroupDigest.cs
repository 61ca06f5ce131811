using System.Security.Cryptography;
using System.Text;

namespace Appliance.Configuration;

/// <summary>A fingerprint of everything that must be alike on all nodes. Nodes whose digests differ are configured differently.</summary>
internal static class GroupDigest
{
    /// <summary>The SHA-256 of <see cref="Describe"/>.</summary>
    internal static byte[] Compute(ApplianceConfiguration configuration) => SHA256.HashData(Encoding.UTF8.GetBytes(Describe(configuration)));

    /// <summary>The digest in hexadecimal.</summary>
    internal static string Text(ApplianceConfiguration configuration) => Convert.ToHexStringLower(Compute(configuration));

    /// <summary>The group-wide settings, defaults included, one <c>section key = value</c> per line. What the files leave out counts as its default.</summary>
    internal static string Describe(ApplianceConfiguration configuration)
    {
        var text = new StringBuilder();
        Append(text, "group", configuration.Group);
        foreach (ServiceOptions service in configuration.Services) Append(text, $"service {service.Name}", service);
        foreach (ListenerOptions listener in configuration.Listeners) Append(text, $"listener {listener.Name}", listener);
        foreach (BackendOptions backend in configuration.Backends) Append(text, $"backend {backend.Name}", backend);
        foreach (ClassOptions options in configuration.Classes) Append(text, $"class {SettingReader.Words(options.Class.ToString())}", options);
        return text.ToString();
    }

    /// <summary>The lines in which two configurations differ, for a message.</summary>
    internal static IEnumerable<string> Differences(ApplianceConfiguration ours, ApplianceConfiguration theirs)
    {
        string[] left = Describe(ours).Split('\n'), right = Describe(theirs).Split('\n');
        return left.Except(right).Select(static line => $"- {line}").Concat(right.Except(left).Select(static line => $"+ {line}"));
    }

    private static void Append(StringBuilder text, string header, object options)
    {
        foreach (SettingKey key in OptionsSchema.KeysOf(options.GetType()))
        {
            if (!key.IsNodeLocal) text.Append(header).Append(' ').Append(key.Name).Append(" = ").Append(SettingReader.Format(key.Property.GetValue(options))).Append('\n');
        }
    }
}
