using System.Text;
using Appliance.State;

namespace Appliance.Configuration;

/// <summary>What loading a file gave: a configuration, or everything that is wrong with it.</summary>
/// <param name="Configuration">Null when there are problems.</param>
/// <param name="Problems">In the order of the lines.</param>
internal sealed record LoadResult(ApplianceConfiguration? Configuration, IReadOnlyList<ConfigurationProblem> Problems);

/// <summary>Reads appliance.conf into options records and reports every mistake at once, each with file and line.</summary>
internal sealed class ConfigurationLoader
{
    private readonly ConfigurationFile _file;
    private readonly List<ConfigurationProblem> _problems;

    private ConfigurationLoader(ConfigurationFile file)
    {
        _file = file;
        _problems = [.. file.Problems];
    }

    /// <summary>Reads a file; that it cannot be read is a problem like any other.</summary>
    internal static LoadResult Load(string path)
    {
        try
        {
            return Parse(path, File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true)));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            return new LoadResult(null, [new ConfigurationProblem(path, 0, $"cannot be read: {error.Message}")]);
        }
    }

    /// <summary>Reads a text.</summary>
    internal static LoadResult Parse(string path, string text)
    {
        var loader = new ConfigurationLoader(ConfigurationFile.Parse(path, text));
        ApplianceConfiguration configuration = loader.Bind();
        loader.ReportRelations(configuration);
        ConfigurationProblem[] problems = [.. loader._problems.Distinct().OrderBy(static problem => problem.Line == 0 ? int.MaxValue : problem.Line)];
        return new LoadResult(problems.Length == 0 ? configuration : null, problems);
    }

    private ApplianceConfiguration Bind()
    {
        RefuseUnknownSections();
        return new ApplianceConfiguration
        {
            Node = Single<NodeOptions>("node", static options => options.Validate()),
            Group = Single<GroupOptions>("group", static options => options.Validate()),
            Services = Several("service", static name => new ServiceOptions { Name = name }, static options => options.Validate()),
            Listeners = Several("listener", static name => new ListenerOptions { Name = name }, static options => options.Validate()),
            Backends = Several("backend", static name => new BackendOptions { Name = name }, static options => options.Validate()),
            Classes = BindClasses(),
            Admin = Single<AdminOptions>("admin", static options => options.Validate()),
        };
    }

    private void RefuseUnknownSections()
    {
        foreach (FileSection section in _file.Sections)
        {
            Type? type = OptionsSchema.TypeOf(section.Kind);
            if (type is null)
                Report(section.Line, $"there is no section {section.Header}{Suggestion.For(section.Kind, OptionsSchema.KindNames)}");
            else if (OptionsSchema.IsNamed(type) && section.Name.Length == 0)
                Report(section.Line, $"{section.Header} needs a name: [{section.Kind} NAME]");
            else if (!OptionsSchema.IsNamed(type) && section.Name.Length > 0)
                Report(section.Line, $"{section.Header} has no name: write [{section.Kind}]");
        }
    }

    private T Single<T>(string kind, Func<T, IEnumerable<SettingProblem>> validate) where T : new()
    {
        var options = new T();
        FileSection section = Sections(kind).FirstOrDefault(static section => section.Name.Length == 0) ?? new FileSection(kind, "", 0, []);
        return Fill(options, section, validate);
    }

    private List<T> Several<T>(string kind, Func<string, T> create, Func<T, IEnumerable<SettingProblem>> validate) =>
        [.. Sections(kind).Where(static section => section.Name.Length > 0).Select(section => Fill(create(section.Name), section, validate))];

    private List<ClassOptions> BindClasses()
    {
        var classes = Enum.GetValues<RecordClass>().Select(ClassOptions.DefaultsOf).ToList();
        foreach (FileSection section in Sections("class").Where(static section => section.Name.Length > 0))
        {
            if (SettingReader.TryRead(typeof(RecordClass), section.Name, out object? named) is { } wrong) Report(section.Line, $"{section.Header}: {wrong}");
            else classes[(int)(RecordClass)named!] = Fill(ClassOptions.DefaultsOf((RecordClass)named), section, static options => options.Validate());
        }
        return classes;
    }

    private T Fill<T>(T options, FileSection section, Func<T, IEnumerable<SettingProblem>> validate)
    {
        HashSet<string> unread = OptionsSchema.Fill(options!, section, Report);
        foreach (SettingProblem problem in validate(options).Where(problem => !unread.Contains(problem.Key))) Report(section, problem);
        return options;
    }

    private void ReportRelations(ApplianceConfiguration configuration)
    {
        foreach ((string kind, string name, SettingProblem problem) in configuration.ValidateRelations())
        {
            FileSection section = _file.Sections.FirstOrDefault(section => section.Kind.Equals(kind, StringComparison.OrdinalIgnoreCase) && section.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                ?? new FileSection(kind, name, 0, []);
            Report(section, problem);
        }
    }

    private IEnumerable<FileSection> Sections(string kind) => _file.Sections.Where(section => section.Kind.Equals(kind, StringComparison.OrdinalIgnoreCase));

    private void Report(FileSection section, SettingProblem problem)
    {
        FileSetting? setting = section.Settings.FirstOrDefault(setting => setting.Key.Equals(problem.Key, StringComparison.OrdinalIgnoreCase));
        string key = problem.Key.Length == 0 ? "" : $" {problem.Key}";
        Report(setting?.Line ?? section.Line, $"{section.Header}{key}: {problem.Message}");
    }

    private void Report(int line, string message) => _problems.Add(new ConfigurationProblem(_file.Path, line, message));
}
