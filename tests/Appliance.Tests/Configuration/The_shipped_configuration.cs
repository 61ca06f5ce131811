using Appliance.Configuration;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Configuration;

public sealed class The_shipped_configuration
{
    private static readonly string Text = File.ReadAllText(RepositoryRoot.File("appliance.conf"));

    // What has no default that could be shipped: names and addresses.
    private static readonly string[] Examples =
        ["node.id", "group.members", "service.addresses", "service.primary", "listener.service", "backend.servers"];

    [Fact]
    public void Is_valid() => ConfigurationText.Load(Text);

    [Fact]
    public void Names_every_key_with_its_default()
    {
        ConfigurationFile file = ConfigurationFile.Parse("appliance.conf", Text);
        foreach (string kind in OptionsSchema.KindNames)
        {
            FileSection[] sections = [.. file.Sections.Where(section => section.Kind == kind)];
            Assert.NotEmpty(sections);
            foreach (FileSection section in sections)
            {
                object defaults = DefaultsOf(section);
                foreach (SettingKey key in OptionsSchema.KeysOf(defaults.GetType()))
                {
                    FileSetting? setting = section.Settings.FirstOrDefault(setting => setting.Key == key.Name);
                    Assert.True(setting is not null, $"{section.Header} does not name {key.Name}");
                    if (Examples.Contains($"{kind}.{key.Name}")) continue;
                    Assert.True(setting.Value == SettingReader.Format(key.Property.GetValue(defaults)), $"{section.Header} {key.Name} = {setting.Value}, but the default is {SettingReader.Format(key.Property.GetValue(defaults))}");
                }
            }
        }
    }

    [Fact]
    public void Says_of_every_key_whether_it_is_the_nodes_own_and_whether_it_reloads()
    {
        string kind = "", comment = "";
        bool above = false; // several settings may share the comment above them
        foreach (string line in Text.Split('\n'))
        {
            if (line.StartsWith(';'))
            {
                comment = above ? comment + line : line;
                above = true;
                continue;
            }
            above = false;
            if (line.StartsWith('[')) kind = line.Trim('[', ']').Split(' ')[0];
            if (line.StartsWith('[') || !line.Contains('=') || kind == "class") continue; // the comment above the classes speaks for all their keys
            SettingKey key = OptionsSchema.KeysOf(OptionsSchema.TypeOf(kind)!).Single(key => key.Name == line[..line.IndexOf('=')].Trim());
            Assert.True(key.IsNodeLocal == comment.Contains("(node", StringComparison.Ordinal), $"[{kind}] {key.Name}: node-local? The comment says: {comment}");
            Assert.True(key.IsReloadable == (comment.Contains("(reload", StringComparison.Ordinal) || comment.Contains(", reload", StringComparison.Ordinal)), $"[{kind}] {key.Name}: reloadable? The comment says: {comment}");
        }
    }

    private static object DefaultsOf(FileSection section) => section.Kind switch
    {
        "class" => ClassOptions.DefaultsOf(Enum.Parse<State.RecordClass>(section.Name, ignoreCase: true)),
        _ => Activator.CreateInstance(OptionsSchema.TypeOf(section.Kind)!)!,
    };
}
