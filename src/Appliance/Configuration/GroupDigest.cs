using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Appliance.Configuration;

/// <summary>A fingerprint of everything that must be alike on all nodes. Nodes whose digests differ are configured differently.</summary>
internal static class GroupDigest
{
    /// <summary>The SHA-256 of <see cref="Describe(ApplianceConfiguration)"/>.</summary>
    internal static byte[] Compute(ApplianceConfiguration configuration) => SHA256.HashData(Encoding.UTF8.GetBytes(Describe(configuration)));

    /// <summary>The digest in hexadecimal.</summary>
    internal static string Text(ApplianceConfiguration configuration) => Convert.ToHexStringLower(Compute(configuration));

    /// <summary>Of those settings only that need a restart: voters that differ in them refuse each other, and a reload reaches one node after the other.</summary>
    internal static ulong ForElections(ApplianceConfiguration configuration) =>
        BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(Describe(configuration, static key => !key.IsReloadable))));

    /// <summary>The group-wide settings, defaults included, one <c>section key = value</c> per line. What the files leave out counts as its default.</summary>
    internal static string Describe(ApplianceConfiguration configuration) => Describe(configuration, static _ => true);

    private static string Describe(ApplianceConfiguration configuration, Func<SettingKey, bool> counts)
    {
        var text = new StringBuilder();
        Append(text, counts, "group", configuration.Group);
        foreach (ServiceOptions service in configuration.Services) Append(text, counts, $"service {service.Name}", service);
        foreach (ListenerOptions listener in configuration.Listeners) Append(text, counts, $"listener {listener.Name}", listener);
        foreach (BackendOptions backend in configuration.Backends) Append(text, counts, $"backend {backend.Name}", backend);
        foreach (ClassOptions options in configuration.Classes) Append(text, counts, $"class {SettingReader.Words(options.Class.ToString())}", options);
        return text.ToString();
    }

    /// <summary>The lines in which two configurations differ, for a message.</summary>
    internal static IEnumerable<string> Differences(ApplianceConfiguration ours, ApplianceConfiguration theirs)
    {
        string[] left = Describe(ours).Split('\n'), right = Describe(theirs).Split('\n');
        return left.Except(right).Select(static line => $"- {line}").Concat(right.Except(left).Select(static line => $"+ {line}"));
    }

    private static void Append(StringBuilder text, Func<SettingKey, bool> counts, string header, object options)
    {
        foreach (SettingKey key in OptionsSchema.KeysOf(options.GetType()))
        {
            if (!key.IsNodeLocal && counts(key)) text.Append(header).Append(' ').Append(key.Name).Append(" = ").Append(SettingReader.Format(key.Property.GetValue(options))).Append('\n');
        }
    }
}
