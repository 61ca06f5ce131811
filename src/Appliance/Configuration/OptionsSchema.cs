using System.Reflection;

namespace Appliance.Configuration;

/// <summary>One key of a section.</summary>
/// <param name="Name">As the file spells it.</param>
/// <param name="Property">Where its value goes.</param>
internal sealed record SettingKey(string Name, PropertyInfo Property)
{
    /// <summary>May differ from node to node.</summary>
    internal bool IsNodeLocal => Property.IsDefined(typeof(NodeLocalAttribute)) || Property.DeclaringType!.IsDefined(typeof(NodeLocalAttribute));

    /// <summary>Applied by a reload.</summary>
    internal bool IsReloadable => Property.IsDefined(typeof(ReloadableAttribute));
}

/// <summary>The kinds of sections and their keys: every public property of an options record is one key.</summary>
internal static class OptionsSchema
{
    private static readonly Dictionary<string, Type> Kinds = new(StringComparer.OrdinalIgnoreCase)
    {
        ["node"] = typeof(NodeOptions),
        ["group"] = typeof(GroupOptions),
        ["service"] = typeof(ServiceOptions),
        ["listener"] = typeof(ListenerOptions),
        ["backend"] = typeof(BackendOptions),
        ["class"] = typeof(ClassOptions),
        ["admin"] = typeof(AdminOptions),
    };

    private static readonly Dictionary<Type, SettingKey[]> Keys = Kinds.Values.ToDictionary(static type => type, static type =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(static property => property.SetMethod is { IsPublic: true } && !property.IsDefined(typeof(SectionNameAttribute)))
            .Select(static property => new SettingKey(SettingReader.Words(property.Name), property))
            .ToArray());

    /// <summary>Names of all kinds.</summary>
    internal static IEnumerable<string> KindNames => Kinds.Keys;

    /// <summary>The options record of a kind; null for an unknown one.</summary>
    internal static Type? TypeOf(string kind) => Kinds.GetValueOrDefault(kind);

    /// <summary>Whether sections of the kind have a name.</summary>
    internal static bool IsNamed(Type options) => options.GetProperties().Any(static property => property.IsDefined(typeof(SectionNameAttribute)));

    /// <summary>The keys of a kind in the order of declaration.</summary>
    internal static IReadOnlyList<SettingKey> KeysOf(Type options) => Keys[options];

    /// <summary>Sets what a section says in a fresh options record; what is wrong with a setting is reported and leaves its default.</summary>
    /// <returns>The keys whose values could not be read: nothing more needs to be said about them.</returns>
    internal static HashSet<string> Fill(object options, FileSection section, Action<int, string> report)
    {
        var unread = new HashSet<string>();
        IReadOnlyList<SettingKey> keys = KeysOf(options.GetType());
        foreach (FileSetting setting in section.Settings)
        {
            SettingKey? key = keys.FirstOrDefault(key => key.Name.Equals(setting.Key, StringComparison.OrdinalIgnoreCase));
            if (key is null)
            {
                report(setting.Line, $"{section.Header} has no key '{setting.Key}'{Suggestion.For(setting.Key, keys.Select(static known => known.Name))}");
                continue;
            }
            string? wrong = SettingReader.TryRead(key.Property.PropertyType, setting.Value, out object? value);
            if (wrong is null)
            {
                key.Property.SetValue(options, value);
                continue;
            }
            report(setting.Line, $"{section.Header} {key.Name}: {wrong}");
            unread.Add(key.Name);
        }
        return unread;
    }
}
